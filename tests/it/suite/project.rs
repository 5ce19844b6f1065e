//! Projects: each for itself, those that are not there, and those that forbid something.

use serde_json::json;

use super::scenarios_of_targets;
use super::world::World;

scenarios_of_targets!(
    each_project_is_for_itself,
    a_project_that_does_not_exist_is_named,
    a_project_with_limits_takes_a_restore_and_is_as_it_was,
    a_project_that_allows_no_backups_is_named_with_what_to_do,
);

fn each_project_is_for_itself(world: &World) {
    let other = world.add_project(&json!({}));
    world.init("web");
    world.write("web", "/data/x", "here");
    world.init_in(&other, "web");
    world.init_in(&other, "db");
    world.run(&["create", "--yes"]).exits(0);
    world
        .run(&["create", "--project", &other, "--yes"])
        .exits(0);
    let mut listed: Vec<_> = world
        .run(&["list", "--all-projects", "-f", "json"])
        .exits(0)
        .rows()
        .iter()
        .map(|row| {
            (
                row["project"] == world.project.as_str(),
                row["name"].clone(),
            )
        })
        .collect();
    listed.sort_by_key(|row| format!("{row:?}"));
    assert_eq!(
        listed,
        [
            (false, json!("db")),
            (false, json!("web")),
            (true, json!("web"))
        ]
    );
    world.delete("web");
    world.run(&["restore", "--yes"]).exits(0);
    assert_eq!(world.names(), ["web"]);
    assert_eq!(world.read("web", "/data/x").as_deref(), Some("here"));
    assert_eq!(world.names_in(&other), ["db", "web"]);
    // A name is one of the project that is worked in, whatever others have backups of it.
    let shown = world.run(&["show", "web", "-f", "json"]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(manifest["project"], world.project.as_str());
    world
        .run(&["delete", "web", "--all-versions", "--force", "--yes"])
        .exits(0);
    let left = world.versions();
    assert!(left.iter().all(|row| row["project"] == other.as_str()) && left.len() == 2);
    world.run(&["show", "web"]).exits(1);
}

fn a_project_that_does_not_exist_is_named(world: &World) {
    world.init("web");
    world.run(&["create", "web", "--yes"]).exits(0);
    for arguments in [
        ["create", "--project", "no-such-project", "--yes"],
        ["restore", "--project", "no-such-project", "--yes"],
    ] {
        let ran = world.run(&arguments).exits(1);
        let first = ran.stderr.lines().next();
        assert_eq!(
            first,
            Some("error: project `no-such-project` does not exist")
        );
    }
}

fn a_project_with_limits_takes_a_restore_and_is_as_it_was(world: &World) {
    let limited = world.add_project(&json!({ "limits.instances": "1" }));
    world.init_in(&limited, "web");
    world
        .run(&["create", "--project", &limited, "--yes"])
        .exits(0);
    world.change("DELETE", &world.path_in(&limited, "/web"), &json!(null));
    let path = format!("/1.0/projects/{limited}");
    let before = world.get(&path)["config"].clone();
    world
        .run(&["restore", "--project", &limited, "--yes"])
        .exits(0);
    assert_eq!(world.names_in(&limited), ["web"]);
    assert_eq!(world.get(&path)["config"], before);
}

fn a_project_that_allows_no_backups_is_named_with_what_to_do(world: &World) {
    let restricted = world.add_project(&json!({ "restricted": "true" }));
    world.init_in(&restricted, "web");
    let ran = world
        .run(&["create", "--project", &restricted, "--yes"])
        .exits(1);
    assert!(
        ran.stderr.contains("restricted.backups=allow"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.versions(), Vec::<serde_json::Value>::new());
}
