//! How a run ended, told to somebody: `notifications` in `backup.yml`.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use incus_backup::testing::fake::Series;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::fake::World;
use crate::lab::{Ran, until};
use crate::real_bad_days::signal;

/// A request: its first line, its headers in lower case, its body.
#[derive(Debug, Clone)]
struct Heard {
    line: String,
    headers: Vec<String>,
    body: String,
}

/// Hears what is sent, and gives every request this answer.
struct Listener {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Listener {
    fn start(answer: &'static str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, hearing, tls) = (stream.unwrap(), hearing.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(&mut stream, answer, &hearing),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).unwrap();
                        let mut stream = StreamOwned::new(connection, stream);
                        serve(&mut stream, answer, &hearing);
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    }
                });
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn serve(stream: &mut (impl Read + Write), answer: &str, hearing: &Mutex<Vec<Heard>>) {
    let mut reader = BufReader::new(&mut *stream);
    let mut lines: Vec<String> = Vec::new();
    loop {
        let mut line = String::new();
        // Who does not trust the certificate goes away.
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.trim_end().is_empty() => break,
            Ok(_) => lines.push(line.trim_end().to_owned()),
        }
    }
    let headers: Vec<String> = lines[1..].iter().map(|it| it.to_lowercase()).collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    hearing.lock().unwrap().push(Heard {
        line: lines[0].clone(),
        headers,
        body: String::from_utf8(body).unwrap(),
    });
    if answer.is_empty() {
        std::thread::sleep(Duration::from_secs(60));
    }
    let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
    let _ = stream.flush();
}

/// A server with `web`, and settings.
fn world(notifications: &str) -> World {
    let world = World::with_web(Series::Lts70, "zfs");
    settle(&world, notifications);
    world
}

fn settle(world: &World, notifications: &str) {
    let conf = world.folder.path().join("none");
    std::fs::create_dir_all(&conf).unwrap();
    let text = format!("notifications:\n{notifications}");
    std::fs::write(conf.join("backup.yml"), text).unwrap();
}

fn run(world: &World, kind: &str, arguments: &[&str]) -> Ran {
    let mut command = world.command_for(kind, arguments);
    command
        .env("PATH", "/usr/bin:/bin")
        .env("TOKEN", "Bearer s3cret");
    Ran::of(&command.output().unwrap())
}

/// Makes the next backup of `web` fail.
fn break_web(world: &World) {
    let mut state = world.incus.state();
    let config = &mut state.instance("web").unwrap().object["config"];
    config["user.backup.timeout"] = "soon".into();
}

#[test]
fn a_webhook_is_told_of_the_end_with_counts_failures_and_its_secret() {
    let hook = Listener::start("204 No Content", None);
    let world = world(&format!(
        "  hook:\n    webhook: 'http://127.0.0.1:{}/s3cret/path'\n    on: always\n    headers:\n      \
         Authorization: {{ environment: TOKEN }}\n      X-From: incus\n",
        hook.port
    ));
    let ran = run(&world, "all", &["create", "--yes"]).exits(0);
    assert!(!ran.stderr.contains("notification"), "{}", ran.stderr);
    break_web(&world);
    run(&world, "all", &["create", "--yes"]).exits(3);
    let heard = hook.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].line, "POST /s3cret/path HTTP/1.1");
    for header in [
        "authorization: bearer s3cret",
        "x-from: incus",
        "content-type: application/json",
    ] {
        assert!(heard[0].headers.iter().any(|it| it == header), "{heard:?}");
    }
    let told: Value = serde_json::from_str(&heard[0].body).unwrap();
    assert_eq!(told["command"], "incus-backup-all create");
    assert_eq!(
        (&told["status"], &told["exit_code"]),
        (&json!("success"), &json!(0))
    );
    assert_eq!(
        (&told["counts"]["done"], &told["counts"]["failed"]),
        (&json!(3), &json!(0))
    );
    assert!(told["bytes"].as_u64().unwrap() > 1000, "{told}");
    let record = world.root().join("fake/runs");
    let name = format!("{}.json", told["run"].as_str().unwrap());
    assert!(record.join(name).exists(), "{told}");
    let told: Value = serde_json::from_str(&heard[1].body).unwrap();
    assert_eq!(
        (&told["status"], &told["exit_code"]),
        (&json!("partial"), &json!(3))
    );
    let failure = &told["failures"][0];
    assert_eq!(
        (&failure["type"], &failure["name"]),
        (&json!("instance"), &json!("web"))
    );
    assert!(
        failure["error"].as_str().unwrap().contains("soon"),
        "{told}"
    );
    assert!(
        told["text"]
            .as_str()
            .unwrap()
            .contains("instance default/web: "),
        "{told}"
    );
}

#[test]
fn a_ping_is_called_at_the_start_and_at_the_end_however_it_goes() {
    let ping = Listener::start("200 OK", None);
    let world = world(&format!(
        "  dead:\n    ping: 'http://127.0.0.1:{}/uuid'\n",
        ping.port
    ));
    run(&world, "all", &["create", "--yes"]).exits(0);
    world.incus.state().instances.clear();
    run(&world, "verify", &[]).exits(0);
    run(&world, "prune", &["--keep-last", "1", "--yes"]).exits(0);
    run(
        &world,
        "all",
        &["create", "--yes", "--target", "dir:/nowhere/x"],
    )
    .exits(1);
    let lines: Vec<String> = ping.heard().iter().map(|it| it.line.clone()).collect();
    let (start, end) = ("POST /uuid/start HTTP/1.1", "POST /uuid HTTP/1.1");
    let fail = "POST /uuid/fail HTTP/1.1";
    assert_eq!(lines, [start, end, start, end, start, end, start, fail]);
    let said = &ping.heard()[7].body;
    assert!(
        said.contains("Exit status: 1\n") && said.contains("/nowhere/x"),
        "{said}"
    );
    assert!(ping.heard()[3].body.starts_with("incus-backup-verify on "));
}

#[test]
fn what_is_no_whole_run_or_changes_nothing_is_nobody_s_matter() {
    let ping = Listener::start("200 OK", None);
    let world = world(&format!(
        "  dead:\n    ping: 'http://127.0.0.1:{}/uuid'\n",
        ping.port
    ));
    run(&world, "all", &["create", "--dry-run"]).exits(0);
    run(&world, "instance", &["create", "web", "--yes"]).exits(0);
    run(&world, "verify", &["web"]).exits(0);
    run(
        &world,
        "prune",
        &["--type", "instance", "--keep-last", "1", "--yes"],
    )
    .exits(0);
    run(&world, "prune", &["--keep-last", "1", "--dry-run"]).exits(0);
    run(&world, "all", &["list"]).exits(0);
    assert!(ping.heard().is_empty(), "{:?}", ping.heard());
    // There is nobody to ask, which is told; that nothing has begun by then, too.
    run(&world, "all", &["create"]).exits(5);
    let lines: Vec<String> = ping.heard().iter().map(|it| it.line.clone()).collect();
    assert_eq!(lines, ["POST /uuid/fail HTTP/1.1"]);
}

#[test]
fn a_program_is_told_of_failures_and_of_damage() {
    let world = world("");
    let file = world.folder.path().join("mail");
    let script = format!(
        "cat > {0}; echo $INCUS_BACKUP_STATUS >> {0}",
        file.display()
    );
    settle(
        &world,
        &format!("  mail:\n    command: [sh, -c, '{script}']\n    headers: {{ To: root }}\n"),
    );
    run(&world, "all", &["create", "--yes"]).exits(0);
    assert!(!file.exists());
    let folder = world.root().join("fake/instances/default/web");
    let version = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let archive = version.path().join("export.tar.zst");
    let mut bytes = std::fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes).unwrap();
    run(&world, "verify", &[]).exits(4);
    let mail = std::fs::read_to_string(&file).unwrap();
    assert!(
        mail.starts_with("To: root\nSubject: incus-backup-verify on "),
        "{mail}"
    );
    assert!(
        mail.contains("\nExit status: 4\nResult:      2 done, 1 damaged\n"),
        "{mail}"
    );
    assert!(
        mail.contains("\ndamaged: fake:instance default/web "),
        "{mail}"
    );
    assert!(mail.ends_with("\ndamaged\n"), "{mail}");
}

#[test]
fn a_notification_that_fails_is_a_warning_without_the_secret_of_its_address() {
    let hook = Listener::start("500 Internal Server Error", None);
    let world = world(&format!(
        "  gone: {{ webhook: 'http://127.0.0.1:9/s3cret', on: always }}\n  \
         hook: {{ webhook: 'http://127.0.0.1:{}/s3cret?s3cret', on: always }}\n  \
         moved: {{ ping: {{ file: /nowhere/s }} }}\n  \
         prog: {{ command: [/nowhere/mail], on: always }}\n",
        hook.port
    ));
    let ran = run(&world, "all", &["create", "--yes", "--debug"]).exits(0);
    for text in [
        "warning: notification `gone` (127.0.0.1) failed: it gives no answer",
        "warning: notification `hook` (127.0.0.1) failed: it answers 500 Internal Server Error",
        "warning: notification `moved` failed: cannot read `/nowhere/s`",
        "warning: notification `prog` (/nowhere/mail) failed: cannot run `/nowhere/mail`",
    ] {
        assert!(ran.stderr.contains(text), "{text} in {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[test]
fn one_that_does_not_answer_is_waited_for_ten_seconds() {
    let hook = Listener::start("", None);
    let url = format!("http://127.0.0.1:{}/", hook.port);
    let world = world(&format!(
        "  a: {{ webhook: '{url}' }}\n  b: {{ webhook: '{url}' }}\n"
    ));
    let begun = Instant::now();
    let ran = run(&world, "setup", &["notify", "-f", "json"]).exits(1);
    let took = begun.elapsed().as_secs();
    assert!((10..18).contains(&took), "{took}");
    let rows = ran.rows();
    assert_eq!(
        (rows.len(), &rows[1]["error"]),
        (2, &json!("it takes more than 10 s"))
    );
}

#[test]
fn a_test_message_goes_to_everybody_and_a_table_tells_how() {
    let hook = Listener::start("200 OK", None);
    let world = world(&format!(
        "  hook: {{ webhook: 'http://127.0.0.1:{0}/s3cret' }}\n  \
         mail: {{ command: ['false'], on: success }}\n  \
         ping: {{ ping: 'http://127.0.0.1:{0}/uuid' }}\n",
        hook.port
    ));
    let ran = run(&world, "setup", &["notify", "-f", "json"]).exits(1);
    let rows = ran.rows();
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "type", "to", "sent", "duration_ms", "error"]);
    let told: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {} {}", row["name"], row["to"], row["sent"]))
        .collect();
    let expected = [
        r#""hook" "127.0.0.1" true"#,
        r#""mail" "false" false"#,
        r#""ping" "127.0.0.1" true"#,
    ];
    assert_eq!(told, expected);
    let heard = hook.heard();
    assert_eq!(heard.len(), 2);
    let body = heard.iter().find(|it| it.line.contains("s3cret")).unwrap();
    let told: Value = serde_json::from_str(&body.body).unwrap();
    assert_eq!(
        (&told["status"], &told["exit_code"]),
        (&json!("test"), &json!(0))
    );
    run(&world, "setup", &["notify", "hook", "ping"]).exits(0);
    let table = run(&world, "setup", &["notify"]).exits(1).stdout;
    assert!(
        table.contains("`false` failed") && !table.contains("s3cret"),
        "{table}"
    );
    run(&world, "setup", &["notify", "other"]).exits(2);
    settle(&world, "  {}\n");
    let ran = run(&world, "setup", &["notify"]).exits(2);
    assert!(
        ran.stderr.contains("it has no `notifications`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_webhook_must_have_a_certificate_that_the_system_trusts() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let hook = Listener::start("200 OK", Some(Arc::new(tls)));
    let world = world(&format!(
        "  hook: {{ webhook: 'https://127.0.0.1:{}/' }}\n",
        hook.port
    ));
    let roots = world.folder.path().join("roots.pem");
    let notify = |roots: &Path| {
        let mut command = world.command_for("setup", &["notify", "-f", "json"]);
        command.env("SSL_CERT_FILE", roots);
        Ran::of(&command.output().unwrap())
    };
    std::fs::write(&roots, made.cert.pem()).unwrap();
    notify(&roots).exits(0);
    assert_eq!(hook.heard().len(), 1);
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&roots, other.cert.pem()).unwrap();
    let row = &notify(&roots).exits(1).rows()[0];
    assert!(
        row["error"].as_str().unwrap().contains("certificate"),
        "{row}"
    );
    std::fs::write(&roots, "").unwrap();
    let row = &notify(&roots).exits(1).rows()[0];
    assert!(
        row["error"].as_str().unwrap().contains("root certificates"),
        "{row}"
    );
    assert_eq!(hook.heard().len(), 1);
}

#[test]
fn a_run_that_is_interrupted_says_so() {
    let ping = Listener::start("200 OK", None);
    let world = world(&format!(
        "  dead:\n    ping: 'http://127.0.0.1:{}/uuid'\n",
        ping.port
    ));
    world.hang_before_a_backup();
    let mut child = world
        .command_for("all", &["create", "--yes", "-q"])
        .spawn()
        .unwrap();
    until(20, "the command", || {
        let state = world.incus.state();
        state.requests.iter().any(|it| it.starts_with("EXEC"))
    });
    signal(child.id(), "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let heard = ping.heard();
    assert_eq!(heard[1].line, "POST /uuid/fail HTTP/1.1");
    let said = &heard[1].body;
    assert!(
        said.contains("on ") && said.contains(": interrupted\n"),
        "{said}"
    );
    assert!(said.contains("\nExit status: 130\n"), "{said}");
    assert!(
        said.contains("\ninterrupted: instance default/web"),
        "{said}"
    );
}
