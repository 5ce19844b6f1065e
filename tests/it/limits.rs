//! Restores into projects with limits and restrictions, on the fake daemon.

use std::collections::BTreeMap;

use incus_backup::model::{Owner, RunId};
use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;
use serde_json::{Value, json};

use crate::fake::World;
use crate::lab::until;
use crate::real_bad_days::signal;

const LOW_LEVEL: [&str; 2] = [
    "restricted.containers.lowlevel",
    "restricted.virtual-machines.lowlevel",
];

/// A server whose only project has this configuration; its only instance is backed up, and gone.
fn world(config: &Value) -> World {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    let mut state = world.incus.state();
    state.instances.clear();
    state
        .projects
        .insert("default".into(), config.as_object().unwrap().clone());
    state.requests.clear();
    drop(state);
    world
}

fn project(world: &World) -> Value {
    json!(world.incus.state().projects["default"])
}

/// Has the end of the import not be told until the faults are taken away.
fn import_for_a_while(world: &World) {
    let busy = Fault::Refuse("GET", "/wait", 503, "Daemon is starting up");
    world.incus.state().faults.extend(vec![busy; 40]);
}

/// How often the project was changed.
fn changes(world: &World) -> usize {
    let state = world.incus.state();
    let puts = state
        .requests
        .iter()
        .filter(|it| *it == "PUT /1.0/projects/default");
    puts.count()
}

#[rstest]
#[case::restricted(json!({ "restricted": "true", "restricted.backups": "allow" }))]
#[case::limited(json!({ "limits.memory": "3GiB" }))]
#[case::counted(json!({ "limits.instances": "1", "limits.containers": "1" }))]
#[case::half_allowed(json!({ "restricted": "true", LOW_LEVEL[1]: "allow", LOW_LEVEL[0]: "block" }))]
fn a_project_is_opened_for_the_import_and_is_as_it_was(#[case] config: Value) {
    let world = world(&config);
    let rows = world
        .run(&["restore", "web", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(
        rows[0]["reason"],
        "crash-consistent; limits and restrictions of project `default` are eased while it is \
         imported; left stopped"
    );
    assert_eq!(project(&world), config);
    assert_eq!(changes(&world), 2);
    assert_eq!(world.incus.state().names(), ["web"]);
}

#[rstest]
#[case::limited(json!({ "limits.cpu": "4" }), 0)]
#[case::restricted(json!({ "restricted": "true", "restricted.backups": "allow" }), 2)]
#[case::counted(json!({ "limits.instances": "1" }), 2)]
fn a_server_that_takes_archives_as_they_are_is_eased_only_where_it_must_be(
    #[case] config: Value,
    #[case] changed: usize,
) {
    let world = World::with_web(Series::Lts70, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        let config = config.as_object().unwrap().clone();
        state.projects.insert("default".into(), config);
        state.requests.clear();
    }
    world.run(&["restore", "web", "--yes"]).exits(0);
    assert_eq!(project(&world), config);
    assert_eq!(changes(&world), changed);
    assert_eq!(cloud_id(&world), "cloud-web");
}

fn cloud_id(world: &World) -> Value {
    let mut state = world.incus.state();
    let web = state.instance("web").unwrap();
    web.object["config"]["volatile.cloud-init.instance-id"].clone()
}

/// 7.0 takes the instance, and lets nobody but an administrator keep what cloud-init knows it by.
#[test]
fn who_may_not_ease_a_restricted_project_restores_into_it_all_the_same() {
    let world = World::with_web(Series::Lts70, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        let config = json!({ "restricted": "true", "restricted.backups": "allow" });
        let config = config.as_object().unwrap().clone();
        state.projects.insert("default".into(), config);
        state.no_administrator = true;
        state.requests.clear();
    }
    world.run(&["restore", "web", "--yes"]).exits(0);
    assert_eq!(changes(&world), 0);
    assert_eq!(cloud_id(&world), "renamed");
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn many_at_a_time_open_it_and_put_it_back() {
    let config = json!({ "restricted": "true", "restricted.backups": "allow" });
    let world = World::with_web(Series::Lts60, "btrfs");
    {
        let mut state = world.incus.state();
        for name in ["a", "b", "c", "d", "e"] {
            state.add_instance(name, "tank", "Stopped", "container");
        }
    }
    world.run(&["create", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        let config = config.as_object().unwrap().clone();
        state.projects.insert("default".into(), config);
        state.faults.push(Fault::Fail("Restoring backup", "no"));
    }
    world.run(&["restore", "--yes", "--parallel", "3"]).exits(3);
    assert_eq!(project(&world), config);
    assert_eq!(world.incus.state().names().len(), 5);
}

#[rstest]
#[case::import_fails(Fault::Fail("Restoring backup", "the disk is on fire"), 1)]
#[case::upload_refused(Fault::Refuse("POST", "/1.0/instances", 500, "not today"), 1)]
#[case::not_opened(Fault::Refuse("PUT", "/1.0/projects", 500, "Conflict detected"), 1)]
#[case::crossed(Fault::Refuse("PUT", "/1.0/projects", 412, "ETag doesn't match"), 0)]
#[case::answer_lost(Fault::Reset("PUT", "/1.0/projects"), 0)]
fn whatever_goes_wrong_the_project_is_as_it_was(#[case] fault: Fault, #[case] code: i32) {
    let config = json!({ "restricted": "true" });
    let world = world(&config);
    world.incus.inject(fault);
    world.run(&["restore", "web", "--yes"]).exits(code);
    assert!(
        world.incus.state().faults.is_empty(),
        "the fault never struck"
    );
    assert_eq!(project(&world), config);
    assert_eq!(world.incus.state().names().len(), usize::from(code == 0));
}

#[test]
fn a_project_that_cannot_be_put_back_is_told_and_the_next_run_puts_it_back() {
    let config = json!({ "restricted": "true", "restricted.backups": "allow" });
    let world = world(&config);
    import_for_a_while(&world);
    let mut child = world
        .command(&["restore", "web", "--yes"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    until(20, "the import", || !world.incus.state().names().is_empty());
    {
        let mut state = world.incus.state();
        state.no_administrator = true;
        state.faults.clear();
    }
    let code = child.wait().unwrap().code();
    let mut told = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut told).unwrap();
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("warning: cannot put the settings of project `default` back: "),
        "{told}"
    );
    assert_eq!(project(&world)[LOW_LEVEL[0]], "allow");
    world.incus.state().no_administrator = false;
    world.run(&["create", "web", "--yes"]).exits(0);
    assert_eq!(project(&world), config);
}

/// Projects that somebody's run has opened: whose process lives, or has ended.
fn held(owner: &Owner, dead: bool) -> Value {
    let mut text = owner.to_string();
    if dead {
        // The process of that number began at another time.
        let cut = text.rfind(' ').unwrap();
        text.replace_range(cut.., " 1");
    }
    json!({
        "restricted": "true", "restricted.backups": "allow",
        LOW_LEVEL[0]: "allow", LOW_LEVEL[1]: "allow",
        "user.incus-backup.before": format!(r#"{{"{}":null,"{}":null}}"#, LOW_LEVEL[0], LOW_LEVEL[1]),
        format!("user.incus-backup.holder.{}", owner.run()): text,
    })
}

#[test]
fn what_a_killed_run_left_open_is_put_back_by_the_next_one() {
    let owner = Owner::current(&RunId::begin());
    for arguments in [
        ["restore", "web", "--replace", "--yes"].as_slice(),
        &["create", "web", "--yes"],
    ] {
        let world = world(&held(&owner, true));
        world
            .incus
            .state()
            .add_instance("web", "tank", "Stopped", "container");
        let ran = world.run(arguments).exits(0);
        assert!(
            ran.stderr.contains(
                "warning: put the settings of project `default` back, changed by an earlier run"
            ),
            "{}",
            ran.stderr
        );
        assert_eq!(
            project(&world),
            json!({ "restricted": "true", "restricted.backups": "allow" })
        );
    }
}

#[test]
fn what_a_living_run_holds_open_stays_open() {
    let owner = Owner::current(&RunId::begin());
    let before = held(&owner, false);
    let world = world(&before);
    world.run(&["restore", "web", "--yes"]).exits(0);
    assert_eq!(project(&world), before);
}

#[test]
fn a_signal_during_the_import_puts_it_back() {
    let config = json!({ "restricted": "true" });
    let world = world(&config);
    // The end of the import is never told.
    world
        .incus
        .inject(Fault::Refuse("GET", "/wait", 503, "starting"));
    for _ in 0..40 {
        world
            .incus
            .inject(Fault::Refuse("GET", "/wait", 503, "starting"));
    }
    let mut child = world
        .command(&["restore", "web", "--yes"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    until(20, "the import", || !world.incus.state().names().is_empty());
    assert_eq!(project(&world)[LOW_LEVEL[0]], "allow");
    signal(child.id(), "TERM");
    // The import ends only after the signal has come.
    let told = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut told = std::io::BufRead::lines(told).map_while(Result::ok);
    assert!(told.any(|line| line.contains("interrupted: cleaning up")));
    world.incus.state().faults.clear();
    told.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(project(&world), config);
    assert_eq!(world.incus.state().names(), Vec::<String>::new());
}

#[test]
fn who_may_not_change_the_project_is_refused_beforehand_and_may_try() {
    let world = world(&json!({ "limits.instances": "3" }));
    world.incus.state().no_administrator = true;
    let rows = world
        .run(&["restore", "web", "--yes", "-f", "json"])
        .exits(1)
        .rows();
    let reason = rows[0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("project `default` has limits or restrictions")
            && reason.ends_with("--force tries it all the same"),
        "{reason}"
    );
    let ran = world.run(&["restore", "web", "--yes", "--force"]).exits(1);
    assert!(ran.stderr.contains("is forbidden"), "{}", ran.stderr);
    assert_eq!(changes(&world), 0);
}

#[test]
fn low_level_configuration_does_not_get_in_by_the_way() {
    let config = json!({ "restricted": "true" });
    let world = World::with_web(Series::Lts60, "btrfs");
    let raw = "lxc.aa_profile=unconfined";
    world
        .incus
        .state()
        .instance("web")
        .unwrap()
        .set("raw.lxc", raw);
    world.run(&["create", "web", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        let config = config.as_object().unwrap().clone();
        state.projects.insert("default".into(), config);
    }
    let ran = world.run(&["restore", "web", "--yes"]).exits(1);
    assert!(
        ran.stderr
            .contains("it has `raw.lxc`, which project `default` does not allow"),
        "{}",
        ran.stderr
    );
    // Nor where nothing but the archive says that it is there.
    let version = world.run(&["list", "-f", "json"]).exits(0).rows()[0]["version"].clone();
    let folder = world
        .root()
        .join("fake/instances/default/web")
        .join(version.as_str().unwrap());
    std::fs::remove_file(folder.join("instance.json")).unwrap();
    let ran = world.run(&["restore", "web", "--yes"]).exits(1);
    assert!(
        ran.stderr
            .contains("it has `raw.lxc`, which project `default` does not allow"),
        "{}",
        ran.stderr
    );
    assert_eq!(changes(&world), 2);
    assert_eq!(world.incus.state().names(), Vec::<String>::new());
    assert_eq!(project(&world), config);
}

#[rstest]
#[case(json!({ "limits.instances": "2" }), &["done", "done", "refused"])]
#[case(json!({ "limits.containers": "1" }), &["done", "refused", "refused"])]
#[case(json!({ "limits.virtual-machines": "0" }), &["done", "done", "done"])]
fn no_more_are_restored_than_the_project_may_have(
    #[case] config: Value,
    #[case] statuses: &[&str],
) {
    let world = World::with_web(Series::Lts60, "btrfs");
    {
        let mut state = world.incus.state();
        state.add_instance("a", "tank", "Stopped", "container");
        state.add_instance("b", "tank", "Stopped", "container");
    }
    world.run(&["create", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        let config = config.as_object().unwrap().clone();
        state.projects.insert("default".into(), config);
    }
    let rows = world.run(&["restore", "--yes", "-f", "json"]).rows();
    let told: Vec<_> = rows
        .iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect();
    assert_eq!(told, statuses);
    let named: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), &row["reason"]))
        .collect();
    if statuses.contains(&"refused") {
        let reason = named["web"].as_str().unwrap();
        assert!(
            reason.ends_with("and no room for one more while it is imported"),
            "{reason}"
        );
    }
}
