//! What the daemons answer where they refuse: the fake in the words of the real.

use incus_backup::testing::fake::Series;
use serde_json::{Value, json};

use super::scenarios;
use super::world::World;
use crate::lab::unique;

scenarios!(
    what_is_not_there_is_told_alike,
    names_are_refused_alike,
    changes_are_refused_alike,
    states_are_changed_alike,
    imports_are_refused_alike,
    exports_are_served_alike,
);

/// A request, and what comes of it: nothing, or a code (202 for what fails in the operation) and a
/// text.
type Case<'a> = (&'a str, &'a str, Value, Result<(), (u16, &'a str)>);

#[track_caller]
fn check(world: &World, cases: &[Case]) {
    for (method, rest, body, expected) in cases {
        let path = if rest.starts_with("/1.0") {
            (*rest).to_owned()
        } else {
            world.path(rest)
        };
        let answer = world.ask(method, &path, body);
        let outcome = world.outcome(&answer);
        let outcome =
            outcome.map_err(|(code, text)| (code, text.replace(&world.project, "PROJECT")));
        let outcome = outcome
            .as_ref()
            .copied()
            .map_err(|(code, text)| (*code, text.as_str()));
        assert_eq!(outcome, *expected, "{method} {path} {body}");
    }
}

/// What this series says.
fn by_series<T>(world: &World, lts60: T, lts70: T) -> T {
    match world.series {
        Series::Lts60 => lts60,
        Series::Lts70 => lts70,
    }
}

const NO_INSTANCE: &str =
    "Failed to fetch instance \"nope\" in project \"PROJECT\": Instance not found";
const BAD_NAME: &str =
    "Invalid instance name: Name can only contain alphanumeric and hyphen characters";

fn what_is_not_there_is_told_alike(world: &World) {
    world.init("web");
    let missing = [
        ("/nope", NO_INSTANCE),
        ("/nope/snapshots?recursion=1", NO_INSTANCE),
        ("/1.0/instances/web?project=nowhere", "Project not found"),
        (
            "/web/snapshots/s9",
            "Failed to fetch snapshot \"s9\" of instance \"web\" in project \"PROJECT\": \
             Instance_snapshot not found",
        ),
        ("/web/backups/b9/export", "Instance backup not found"),
        ("/web/files?path=/nope", "Not Found"),
        ("/1.0/projects/nowhere", "Project not found"),
        ("/1.0/profiles/nope", "Fetch profile: Profile not found"),
        (
            "/1.0/storage-pools/nope/volumes/custom",
            "Storage pool not found",
        ),
        ("/1.0/images/abcdef", "Image \"abcdef\" not found"),
        ("/1.0/images/aliases/abcdef", "Image alias not found"),
        (
            "/1.0/operations/00000000-0000-0000-0000-000000000000/wait",
            "Operation not found",
        ),
        ("/1.0/nowhere", "not found"),
    ];
    let cases = missing.map(|(path, text)| ("GET", path, Value::Null, Err((404, text))));
    check(world, &cases);
    check(
        world,
        &[
            ("DELETE", "/nope", Value::Null, Err((404, NO_INSTANCE))),
            (
                "DELETE",
                "/web/backups/b9",
                Value::Null,
                Err((404, "Instance backup not found")),
            ),
            (
                "PUT",
                "/web",
                json!({ "restore": "s9" }),
                Err((202, "Snapshot web/s9 does not exist")),
            ),
            (
                "POST",
                "/1.0/instances?project=nowhere",
                image("x"),
                Err((404, "Failed loading project: Project not found")),
            ),
        ],
    );
    let listed = world.get("/1.0/instances?recursion=1&project=nowhere");
    assert_eq!(
        listed,
        json!([]),
        "nobody says that there is no such project"
    );
}

fn image(name: &str) -> Value {
    json!({ "name": name, "type": "container", "source": { "type": "image", "alias": "busybox" } })
}

fn copy(from: &str, to: &str) -> Value {
    json!({ "name": to, "source": { "type": "copy", "source": from } })
}

fn names_are_refused_alike(world: &World) {
    world.init("web");
    let taken = by_series(
        world,
        (
            202,
            "Failed creating instance record: Add instance info to the database: Failed to create \
             \"instances\" entry: UNIQUE constraint failed: instances.project_id, instances.name",
        ),
        (500, "Instance \"web\" already exists"),
    );
    let slash = by_series(
        world,
        "Invalid snapshot name: Cannot contain \"/\"",
        "Invalid snapshot name: Name contains invalid character \"/\"",
    );
    let own = format!("/1.0/projects/{}", world.project);
    let in_use = Err((409, "Name \"web\" already in use"));
    let kept = Err((403, "The 'default' project cannot be deleted"));
    let full = Err((500, "Only empty projects can be removed."));
    let to = |name: &str| json!({ "name": name });
    check(
        world,
        &[
            ("POST", "", image("a_b"), Err((400, BAD_NAME))),
            ("POST", "", image("web"), Err(taken)),
            ("POST", "", copy("nope", "x"), Err((404, NO_INSTANCE))),
            ("POST", "", copy("web", "web"), Err(taken)),
            ("POST", "", copy("web", "two"), Ok(())),
            ("POST", "/two", to("web"), in_use),
            ("POST", "/two", to("a_b"), Err((400, BAD_NAME))),
            ("POST", "/two", to("three"), Ok(())),
            ("POST", "/web/snapshots", to("a/b"), Err((400, slash))),
            ("DELETE", "/1.0/projects/default", Value::Null, kept),
            ("DELETE", &own, Value::Null, full),
        ],
    );
}

fn changes_are_refused_alike(world: &World) {
    world.init("web");
    let protected = json!({ "config": { "security.protection.delete": "true" } });
    world.patch("web", &protected);
    let text = by_series(
        world,
        "Instance is protected",
        "Instance has delete protection enabled",
    );
    check(world, &[("DELETE", "/web", Value::Null, Err((202, text)))]);
    // A change that crossed another one: what the object is now is in the refusal.
    let path = world.path("/web");
    let stale = world.send("PUT", &path, "if-match: \"stale\"\r\n", br#"{"config":{}}"#);
    assert_eq!(stale.code, 412);
    let text = stale.json()["error"].as_str().unwrap().to_owned();
    let (begins, ends) = ("ETag doesn't match: ", " vs stale");
    assert!(text.starts_with(begins) && text.ends_with(ends), "{text}");
}

fn states_are_changed_alike(world: &World) {
    world.init("web");
    let state = |action: &str| json!({ "action": action, "force": true, "timeout": -1 });
    let power = || {
        let config = world.instance("web")["config"].clone();
        config["volatile.last_state.power"]
            .as_str()
            .unwrap_or("STOPPED")
            .to_owned()
    };
    check(
        world,
        &[
            (
                "PUT",
                "/web/state",
                state("jump"),
                Err((400, "Unknown action: 'jump'")),
            ),
            (
                "PUT",
                "/web/state",
                state("stop"),
                Err((202, "The instance is already stopped")),
            ),
            (
                "PUT",
                "/web/state",
                state("freeze"),
                Err((202, "The instance isn't running")),
            ),
            ("PUT", "/web/state", state("start"), Ok(())),
            (
                "PUT",
                "/web/state",
                state("start"),
                Err((202, "The instance is already running")),
            ),
            (
                "PUT",
                "/web/state",
                state("unfreeze"),
                Err((202, "The container is already running")),
            ),
            (
                "DELETE",
                "/web",
                Value::Null,
                Err((400, "Instance is running")),
            ),
            (
                "POST",
                "/web",
                json!({ "name": "two" }),
                Err((202, "Renaming of running instance not allowed")),
            ),
            ("PUT", "/web/state", state("freeze"), Ok(())),
            (
                "PUT",
                "/web/state",
                state("start"),
                Err((202, "The instance is already running")),
            ),
            ("PUT", "/web/state", state("unfreeze"), Ok(())),
        ],
    );
    assert_eq!(
        (world.status("web"), power()),
        ("Running".into(), "RUNNING".into())
    );
    world.act("web", "stop");
    assert_eq!(
        (world.status("web"), power()),
        ("Stopped".into(), "STOPPED".into())
    );
}

/// A plain export, by the way that every series has, and its name: one that no other test has, because
/// the server asks for it in every project.
fn exported(world: &World, name: &str) -> (Vec<u8>, String) {
    let backup = unique("b");
    let body = json!({ "name": backup, "compression_algorithm": "none" });
    world.change("POST", &world.path(&format!("/{name}/backups")), &body);
    let path = world.path(&format!("/{name}/backups/{backup}/export"));
    (world.send("GET", &path, "", b"").body, backup)
}

fn imports_are_refused_alike(world: &World) {
    world.init("web");
    let (tar, _) = exported(world, "web");
    let import = |project: &str, headers: &str, body: &[u8]| {
        let headers = format!("content-type: application/octet-stream\r\n{headers}");
        let path = world.path_in(project, "");
        world.outcome(&world.send("POST", &path, &headers, body))
    };
    let own = world.project.as_str();
    let named = |name: &str| format!("x-incus-name: {name}\r\n");
    let refused = |code, text: &str| Err((code, text.to_owned()));
    assert_eq!(import(own, &named("new"), b""), refused(500, "EOF"));
    let nonsense = [b'x'; 5000];
    assert_eq!(
        import(own, &named("new"), &nonsense),
        refused(500, "Unsupported compression")
    );
    assert_eq!(
        import(own, &named("web"), &tar),
        refused(
            202,
            "Create instance from backup: Cannot restore volume, already exists on target"
        )
    );
    let unfit = format!("Failed importing backup: Failed creating instance record: {BAD_NAME}");
    let (at_first, at_last) = (refused(400, BAD_NAME), refused(202, &unfit));
    // Debian 13's 6.0.4 has 7.0's check of the name by now.
    let found = import(own, &named("a_b"), &tar);
    let unfit = by_series(world, at_last, at_first.clone());
    assert!(
        found == unfit || (world.is_real() && found == at_first),
        "{found:?}"
    );
    let elsewhere = format!("{}x-incus-pool: nope\r\n", named("new"));
    assert_eq!(
        import(own, &elsewhere, &tar),
        refused(500, "Storage pool not found: Storage pool not found")
    );
    assert_eq!(
        import("nowhere", &named("new"), &tar),
        refused(500, "Fetch project database object: Project not found")
    );
    let (code, text) = import(own, &named("new"), &tar[..tar.len() / 2]).unwrap_err();
    assert_eq!(code, 202);
    let begins = "Create instance from backup: Error starting unpack: Failed to run: tar -xf -";
    assert!(
        text.starts_with(begins) && text.contains("exit status 2"),
        "{text}"
    );
    assert_eq!(world.names(), ["web"]);
    // Its end marker is not missed.
    assert_eq!(import(own, &named("new"), &tar[..tar.len() - 1024]), Ok(()));
    assert_eq!(world.names(), ["new", "web"]);
    assert_eq!(world.status("new"), "Stopped");
    let limited = world.add_project(&json!({ "limits.instances": "5" }));
    let imported = import(&limited, &named("new"), &tar);
    if world.series == Series::Lts60 {
        let (code, text) = imported.unwrap_err();
        assert_eq!(code, 500);
        let ends = format!("\" on container \"web\" in project \"{limited}\" is forbidden");
        assert!(
            text.starts_with("Setting \"volatile.") && text.ends_with(&ends),
            "{text}"
        );
    } else {
        assert_eq!(imported, Ok(()));
    }
}

fn exports_are_served_alike(world: &World) {
    world.init("web");
    let (tar, backup) = exported(world, "web");
    assert_eq!(tar[tar.len() - 1024..], [0; 1024], "two zero blocks end it");
    assert!(tar.starts_with(b"backup/index.yaml\0"));
    let path = world.path(&format!("/web/backups/{backup}/export"));
    let from =
        |offset: usize| world.send("GET", &path, &format!("range: bytes={offset}-\r\n"), b"");
    let rest = from(tar.len() - 3);
    assert_eq!((rest.code, rest.body.as_slice()), (206, &[0; 3][..]));
    let range = format!(
        "content-range: bytes {}-{}/{}",
        tar.len() - 3,
        tar.len() - 1,
        tar.len()
    );
    assert!(rest.headers.contains(&range), "{}", rest.headers);
    let beyond = from(tar.len());
    assert_eq!(beyond.code, 416);
    let range = format!("content-range: bytes */{}", tar.len());
    assert!(beyond.headers.contains(&range), "{}", beyond.headers);
    let again = by_series(world, "Create backup: ", "");
    check(
        world,
        &[
            (
                "POST",
                "/web/backups",
                json!({ "name": backup }),
                Err((
                    202,
                    &format!("{again}Backup \"web/{backup}\" already exists"),
                )),
            ),
            (
                "DELETE",
                &format!("/web/backups/{backup}"),
                Value::Null,
                Ok(()),
            ),
        ],
    );
    if world.series == Series::Lts70 {
        let accept = "accept: application/octet-stream\r\ncontent-type: application/json\r\n";
        let path = world.path("/web/backups");
        let named = world.send("POST", &path, accept, br#"{"name":"b1"}"#);
        assert_eq!(named.code, 400);
        let streamed = world.send(
            "POST",
            &path,
            accept,
            br#"{"compression_algorithm":"none"}"#,
        );
        assert_eq!(streamed.code, 200);
        assert!(
            streamed
                .headers
                .contains("content-type: application/octet-stream")
        );
        assert!(streamed.body.starts_with(b"backup/index.yaml\0"));
        assert_eq!(streamed.body[streamed.body.len() - 1024..], [0; 1024]);
    }
    assert_eq!(world.left_over(), Vec::<String>::new());
}
