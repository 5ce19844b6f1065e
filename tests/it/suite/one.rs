//! One instance: backed up, shown, lost, and back as it was.

use serde_json::{Value, json};

use super::scenarios_of_targets;
use super::world::World;

scenarios_of_targets!(
    what_is_lost_comes_back_as_it_was,
    what_does_not_run_is_exported_as_it_is,
    snapshots_are_left_out_where_that_is_asked_for,
    an_older_version_is_chosen_by_its_name,
    without_a_terminal_and_without_yes_nothing_happens,
    several_are_backed_up_and_restored_at_once,
    one_that_fails_does_not_stop_the_others,
);

/// A real server and a real repository, together once.
#[test]
fn real_restic_what_is_lost_comes_back_as_it_was() {
    if let Some(world) = World::real().and_then(World::into_repository) {
        what_is_lost_comes_back_as_it_was(&world);
    }
}

const EXPIRY: &str = "2077-01-02T03:04:05Z";

/// What of an instance must come back: not the times of its last run, nor what the server notes
/// about one.
fn described(world: &World, name: &str) -> Value {
    let mut instance = world.instance(name);
    for key in ["status", "status_code", "last_used_at", "created_at"] {
        instance.as_object_mut().unwrap().remove(key);
    }
    for key in ["config", "expanded_config"] {
        let config = instance[key].as_object_mut().unwrap();
        config.retain(|key, _| {
            !key.starts_with("volatile.")
                || key.ends_with(".hwaddr")
                || key == "volatile.uuid"
                || key == "volatile.cloud-init.instance-id"
        });
    }
    instance
}

fn what_is_lost_comes_back_as_it_was(world: &World) {
    world.launch("web");
    world.write("web", "/data/x", "first");
    world.snapshot("web", "s0", EXPIRY);
    world.write("web", "/data/x", "second");
    world.write("web", "/data/y", "");
    let (instance, snapshots) = (described(world, "web"), world.snapshots("web"));

    let rows = world
        .run(&["create", "web", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(rows[0]["status"], "done");
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert_eq!(world.status("web"), "Running");
    let listed = world.versions();
    let of = |key: &str| listed[0][key].clone();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (of("name"), of("project")),
        (json!("web"), json!(world.project))
    );
    assert_eq!(
        (of("state"), of("version")),
        (json!("complete"), rows[0]["version"].clone())
    );
    let shown = world.run(&["show", "web", "-f", "json"]).exits(0);
    let manifest: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(manifest["instance"]["snapshots"], json!(["s0"]));
    assert_eq!(manifest["consistency"], of("consistency"));

    world.delete("web");
    world.run(&["restore", "web", "--yes"]).exits(0);
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert_eq!(world.status("web"), "Stopped");
    let power = world.instance("web")["config"]["volatile.last_state.power"].clone();
    assert_eq!(power, "STOPPED", "the next boot does not start it");
    assert_eq!(described(world, "web"), instance);
    assert_eq!(world.snapshots("web"), snapshots);
    assert_eq!(world.read("web", "/data/x").as_deref(), Some("second"));
    assert_eq!(world.read("web", "/data/y").as_deref(), Some(""));
    assert_eq!(world.read("web", "/data/z"), None);
    world.change("PUT", &world.path("/web"), &json!({ "restore": "s0" }));
    assert_eq!(world.read("web", "/data/x").as_deref(), Some("first"));
    world.act("web", "start");

    let version = rows[0]["version"].as_str().unwrap();
    let ran = world
        .run(&["delete", "web", "--version", version, "--yes"])
        .exits(1);
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    world
        .run(&["delete", "web", "--version", version, "--yes", "--force"])
        .exits(0);
    assert_eq!(world.versions(), Vec::<Value>::new());
}

fn what_does_not_run_is_exported_as_it_is(world: &World) {
    world.init("still");
    world.launch("cold");
    world.act("cold", "freeze");
    let plan = world.run(&["create", "--dry-run", "-f", "json"]).exits(0);
    assert!(world.holds_nothing(), "a dry run changes nothing");
    let told: Vec<_> = plan
        .rows()
        .iter()
        .map(|row| row["reason"].clone())
        .collect();
    assert_eq!(told, ["consistent: it does not run"; 2]);
    world.run(&["create", "--yes"]).exits(0);
    for (name, status) in [("cold", "Frozen"), ("still", "Stopped")] {
        assert_eq!(world.status(name), status);
    }
    for row in world.versions() {
        assert_eq!(row["consistency"], "consistent");
    }
    assert_eq!(world.left_over(), Vec::<String>::new());
}

fn snapshots_are_left_out_where_that_is_asked_for(world: &World) {
    world.launch("web");
    world.snapshot("web", "s0", EXPIRY);
    world.snapshot("web", "s1", EXPIRY);
    world
        .run(&["create", "web", "--instance-only", "--yes"])
        .exits(0);
    let shown = world.run(&["show", "web", "-f", "json"]).exits(0);
    let manifest: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(manifest["options"]["instance_only"], true);
    assert_eq!(manifest["instance"]["snapshots"], json!([]));
    assert_eq!(world.snapshots("web").len(), 2, "its own stay");
    world.delete("web");
    world.run(&["restore", "web", "--start", "--yes"]).exits(0);
    assert_eq!(world.status("web"), "Running");
    assert_eq!(world.snapshots("web"), []);
}

fn an_older_version_is_chosen_by_its_name(world: &World) {
    world.init("web");
    for generation in ["first", "second"] {
        world.write("web", "/data/x", generation);
        world.run(&["create", "web", "--yes"]).exits(0);
    }
    let first = world.versions()[0]["version"].as_str().unwrap().to_owned();
    world.delete("web");
    world
        .run(&["restore", "web", "--version", &first, "--yes"])
        .exits(0);
    assert_eq!(world.read("web", "/data/x").as_deref(), Some("first"));
    world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(0);
    assert_eq!(world.read("web", "/data/x").as_deref(), Some("second"));
    let never = "20010101T000000Z";
    let ran = world.run(&["restore", "web", "--replace", "--version", never, "--yes"]);
    assert!(ran.exits(1).stderr.contains(never));
}

fn without_a_terminal_and_without_yes_nothing_happens(world: &World) {
    world.init("web");
    let ran = world.run(&["create", "web"]).exits(5);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert!(world.holds_nothing());
}

fn several_are_backed_up_and_restored_at_once(world: &World) {
    for name in ["a", "b", "c"] {
        world.init(name);
        world.write(name, "/data/x", name);
    }
    let rows = world
        .run(&["create", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (&row["name"], &row["status"]))
        .collect();
    let done = json!("done");
    assert_eq!(
        told,
        [
            (&json!("a"), &done),
            (&json!("b"), &done),
            (&json!("c"), &done)
        ]
    );
    for name in ["a", "c"] {
        world.delete(name);
    }
    let rows = world
        .run(&["restore", "--skip-existing", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    let told: Vec<_> = rows
        .iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["done", "skipped", "done"]);
    for name in ["a", "b", "c"] {
        assert_eq!(world.read(name, "/data/x").as_deref(), Some(name));
    }
}

fn one_that_fails_does_not_stop_the_others(world: &World) {
    world.init("a");
    world.init("b");
    let wanted = ["create", "a", "no-such", "b", "--yes", "-f", "json"];
    let rows = world.run(&wanted).exits(3).rows();
    let told = |row: &Value| {
        (
            row["name"].as_str().unwrap().to_owned(),
            row["status"].clone(),
        )
    };
    let mut told: Vec<_> = rows.iter().map(told).collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let row = |name: &str, status: &str| (name.to_owned(), json!(status));
    assert_eq!(
        told,
        [
            row("a", "done"),
            row("b", "done"),
            row("no-such", "refused")
        ]
    );
    let ran = world.run(&["create", "no-such", "--yes"]).exits(1);
    assert!(ran.stderr.contains("it does not exist"), "{}", ran.stderr);
    let ran = world.run(&["restore", "no-such", "--yes"]).exits(1);
    assert!(ran.stderr.contains("no version"), "{}", ran.stderr);
    assert_eq!(world.names(), ["a", "b"]);
}
