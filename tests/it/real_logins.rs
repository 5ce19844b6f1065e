//! Logins by OIDC at a real server: tokens of an issuer of the test's own, which the server checks by itself.

use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::issuer::{Issuer, token};
use crate::lab::{Ran, program_for};

/// A daemon with a container, whose client logs in by OIDC.
struct Server {
    daemon: Daemon,
    issuer: Issuer,
}

/// A viewer sees everything, and changes nothing; an operator changes what is in projects.
const SCRIPTLET: &str = "
def authorize(details, object, entitlement):
    if details.Username == 'operator' and not object.startswith('server'):
        return True
    return details.Username not in ['operator', 'viewer'] or entitlement.startswith('can_view')
";

impl Server {
    fn start(user: &str) -> Option<Self> {
        let daemon = Daemon::start()?;
        let listener = daemon.listen();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let given = json!({ "access_token": token(&url, user, 600), "token_type": "Bearer",
            "refresh_token": "next", "expires_in": 600 });
        let issuer = Issuer::on(listener, "first", given);
        daemon.script(&format!(
            "storage create fast dir
             profile device add default root disk pool=fast path=/
             init --empty web
             config set oidc.issuer {url}
             config set oidc.client.id incus"
        ));
        daemon.trust("prod", "127.0.0.1:8443");
        let conf = daemon.folder().join("conf");
        let file = conf.join("config.yml");
        let text = std::fs::read_to_string(&file).unwrap();
        let by_login = text.replace(":8443\n", ":8443\n    auth_type: oidc\n");
        assert_ne!(by_login, text);
        std::fs::write(&file, by_login).unwrap();
        let stale = json!({ "access_token": token(&url, user, -60), "token_type": "Bearer",
            "refresh_token": "first" });
        std::fs::create_dir_all(conf.join("oidctokens")).unwrap();
        std::fs::write(conf.join("oidctokens/prod.json"), stale.to_string()).unwrap();
        // The certificate that came with the token for the remote would be another way in.
        for file in ["client.crt", "client.key"] {
            std::fs::remove_file(conf.join(file)).unwrap();
        }
        Some(Self { daemon, issuer })
    }

    fn run(&self, kind: &str, arguments: &[&str]) -> Ran {
        let program = program_for(kind);
        self.daemon.run(program.to_str().unwrap(), arguments)
    }

    fn stored(&self) -> Value {
        let file = self.daemon.folder().join("conf/oidctokens/prod.json");
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }
}

#[test]
fn a_login_that_has_run_out_is_renewed_and_backs_up_and_brings_back() {
    let Some(server) = Server::start("somebody") else {
        return;
    };
    server
        .run("instance", &["create", "prod:web", "--yes"])
        .exits(0);
    let renewed = server.stored();
    assert_eq!(renewed["refresh_token"], "next");
    assert_eq!(server.issuer.forms().len(), 1);
    server.daemon.incus(&["delete", "web"]);
    server
        .run("instance", &["restore", "prod:web", "--yes"])
        .exits(0);
    assert_eq!(
        server.daemon.query("/1.0/instances/web")["status"],
        "Stopped"
    );
    assert_eq!(server.stored(), renewed);
}

impl Server {
    /// One that decides each thing by itself.
    fn judging(user: &str) -> Option<Self> {
        let server = Self::start(user)?;
        let scriptlet = format!("authorization.scriptlet={SCRIPTLET}");
        server.daemon.incus(&["config", "set", &scriptlet]);
        if server.daemon.has("authorization_client_routing") {
            let route = "authorization.client.oidc=scriptlet";
            server.daemon.incus(&["config", "set", route]);
        }
        Some(server)
    }

    /// What the doctor says of this client's rights.
    fn rights(&self) -> Vec<String> {
        let doctor = self.run("setup", &["doctor", "prod:", "-f", "json"]);
        let rows = doctor.rows().into_iter();
        let rights = rows.filter(|row| row["check"] == "rights");
        rights
            .map(|row| format!("{} {}", row["verdict"], row["message"]).replace('"', ""))
            .collect()
    }
}

const LOGIN: &str = "note this client is known by its login, and sees project `default`; the configuration of \
                     the server, drills and new projects need an administrator";

#[test]
fn a_viewer_is_told_what_it_lacks_and_changes_nothing() {
    let Some(server) = Server::judging("viewer") else {
        return;
    };
    let lacks = "problem this client may only look: to back instances up it lacks `can_manage_backups`, to \
                 restore them `can_create_instances`";
    assert_eq!(server.rights(), [LOGIN, lacks]);
    let ran = server
        .run("all", &["create", "prod:", "--yes", "-f", "json"])
        .exits(3);
    let rows = ran.rows();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (&row["type"], &row["status"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("config"), &json!("skipped")),
            (&json!("instance"), &json!("failed"))
        ]
    );
    let why = "the server refused to export instance `web`: Permission denied";
    assert_eq!(rows[1]["error"], why);
    assert!(
        ran.stderr.contains("hint: `incus-backup-setup doctor"),
        "{}",
        ran.stderr
    );
    let config = server.run("config", &["create", "prod:", "--yes"]).exits(1);
    let why = "only administrators are shown the whole of a server's configuration";
    assert!(config.stderr.contains(why), "{}", config.stderr);
    // What an administrator backed up is not brought back by one who may only look.
    let program = program_for("instance");
    let program = program.to_str().unwrap();
    server
        .daemon
        .run(program, &["create", "web", "--yes"])
        .exits(0);
    let listed = server.run("instance", &["list", "-f", "json"]).rows();
    let source = listed[0]["source"].as_str().unwrap();
    let restore = [
        "restore",
        "prod:web",
        "--from",
        source,
        "--target-name",
        "other",
        "--yes",
    ];
    let ran = server.run("instance", &restore).exits(1);
    assert!(ran.stderr.contains("Permission denied"), "{}", ran.stderr);
    let all = server.daemon.query("/1.0/instances");
    assert_eq!(all, json!(["/1.0/instances/web"]));
    assert_eq!(server.daemon.query("/1.0/instances/web/backups"), json!([]));
}

#[test]
fn an_operator_backs_up_and_brings_back_what_is_in_projects() {
    let Some(server) = Server::judging("operator") else {
        return;
    };
    assert_eq!(
        server.rights(),
        [LOGIN, "fine instances of it can be backed up and restored"]
    );
    server.run("all", &["create", "prod:", "--yes"]).exits(0);
    server.daemon.incus(&["delete", "web"]);
    server
        .run("instance", &["restore", "prod:web", "--yes"])
        .exits(0);
    assert_eq!(
        server.daemon.query("/1.0/instances"),
        json!(["/1.0/instances/web"])
    );
}
