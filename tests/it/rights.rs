//! Clients that are no administrators: what they may do works, what they may not is told, and nothing is
//! half done.

use incus_backup::testing::fake::{Rights, Series};
use rstest::rstest;
use serde_json::{Value, json};

use crate::fake::World;

/// A server with `other` in the project `default`, and `web` in `shop`.
fn world(series: Series) -> World {
    let world = World::with_web(series, "zfs");
    {
        let mut state = world.incus.state();
        let config = json!({ "features.images": "true", "features.profiles": "true",
            "features.storage.volumes": "true", "features.storage.buckets": "true" });
        let config = config.as_object().unwrap().clone();
        state.projects.insert("shop".into(), config);
        let key = ("default".to_owned(), "web".to_owned());
        let mut web = state.instances.remove(&key).unwrap();
        web.object["project"] = "shop".into();
        let device = json!({ "type": "disk", "pool": "tank", "source": "data", "path": "/mnt" });
        for devices in ["devices", "expanded_devices"] {
            web.object[devices]["data"] = device.clone();
        }
        state.instances.insert(("shop".into(), "web".into()), web);
        state.add_volume("tank", "data");
        let key = |project: &str| (project.to_owned(), "tank".to_owned(), "data".to_owned());
        let mut data = state.custom.remove(&key("default")).unwrap();
        data.object["project"] = "shop".into();
        state.custom.insert(key("shop"), data);
        state.add_instance("other", "tank", "Running", "container");
    }
    world
}

/// From now on whoever asks has a certificate for `shop` alone.
fn restrict(world: &World) {
    let mut state = world.incus.state();
    state.no_administrator = true;
    state.rights = Rights::Projects(vec!["shop".into()]);
}

/// What rows say, as `ACTION-OR-STATUS KIND PROJECT/NAME: REASON`.
fn told(rows: &[Value], key: &str) -> Vec<String> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| {
            let [action, kind, project, name] =
                [key, "type", "project", "name"].map(|key| text(row, key));
            format!("{action} {kind} {project}/{name}: {}", text(row, "reason"))
        })
        .collect()
}

const CONFIG: &str = "skip config /: only administrators are shown the configuration of a server";

#[rstest]
fn a_restricted_client_backs_its_projects_up_and_brings_them_back(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series);
    restrict(&world);
    let planned = world
        .run_for("all", &["create", "--dry-run", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(
        told(&planned, "action"),
        [
            CONFIG,
            "create instance shop/web: crash-consistent: from a snapshot of zfs; `web` paused while all of \
             it is copied",
            "create volume shop/data: crash-consistent: of one moment with `web`",
        ]
    );
    world.run_for("all", &["create", "--yes"]).exits(0);
    world.run(&["create", "--all-projects", "--yes"]).exits(0);
    world
        .run(&["create", "web", "--project", "shop", "--yes"])
        .exits(0);
    assert_eq!(world.versions(), 3);
    {
        let mut state = world.incus.state();
        state.instances.remove(&("shop".into(), "web".into()));
        state.custom.clear();
    }
    world.run_for("all", &["restore", "--yes"]).exits(0);
    let back = |world: &World| {
        let state = world.incus.state();
        state.instances.contains_key(&("shop".into(), "web".into()))
    };
    assert!(back(&world));
    world
        .run(&["restore", "web", "--project", "shop", "--replace", "--yes"])
        .exits(0);
    assert!(back(&world));
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[rstest]
#[case(&["create", "other", "--project", "default", "--yes"])]
#[case(&["create", "--project", "default", "--yes"])]
fn what_belongs_to_another_project_is_refused_in_words(#[case] arguments: &[&str]) {
    let world = world(Series::Lts70);
    restrict(&world);
    let ran = world.run(arguments).exits(1);
    let words = "User does not have permission for project \"default\"";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    let hint = "hint: `incus-backup-setup doctor REMOTE:` says what this client may do";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    assert!(!world.root().join("fake/instances").exists());
}

#[test]
fn what_an_administrator_stored_comes_back_as_far_as_the_client_may() {
    let world = world(Series::Lts70);
    world.run_for("all", &["create", "--yes"]).exits(0);
    world.incus.state().instances.clear();
    restrict(&world);
    let ran = world.run_for("all", &["restore", "--dry-run", "-f", "json"]);
    let rows = ran.rows();
    let told = told(&rows, "action");
    assert!(told.contains(&CONFIG.to_owned()), "{told:#?}");
    assert!(
        told.iter()
            .any(|row| row.starts_with("create instance shop/web: ")),
        "{told:#?}"
    );
    let other = told.iter().find(|row| row.contains("default/other"));
    assert!(
        other.is_some_and(|row| row.starts_with("refuse ") && row.contains("`default`")),
        "{told:#?}"
    );
    world.run_for("all", &["restore", "--yes"]).exits(3);
    let names = world.incus.state().names();
    assert_eq!(names, ["web"]);
}

/// A drill restores into a project of its own, which only an administrator can make.
#[rstest]
fn a_drill_is_refused_in_words_to_whoever_is_restricted(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series);
    restrict(&world);
    world
        .run(&["create", "--project", "shop", "--yes"])
        .exits(0);
    let before = world.incus.state().projects.clone();
    let ran = world
        .run_for("verify", &["--level", "drill", "--yes"])
        .exits(1);
    assert!(
        ran.stderr.contains("Certificate is restricted"),
        "{}",
        ran.stderr
    );
    let why =
        "it is not drilled, for its copy needs a project of its own, which administrators make";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert_eq!(world.incus.state().projects, before);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[rstest]
fn who_may_only_look_is_told_and_leaves_nothing(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series);
    world.run_for("all", &["create", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state.no_administrator = true;
        state.rights = Rights::Look;
    }
    let versions = world.versions();
    let lists = world.run_for("all", &["create", "--dry-run"]);
    lists.exits(0);
    let words = "User does not have entitlement \"can_edit\"";
    let ran = world
        .run_for("all", &["create", "--skip", "image", "--yes"])
        .exits(3);
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    world.incus.state().instances.clear();
    let ran = world
        .run_for("all", &["restore", "--skip", "image", "--yes"])
        .exits(3);
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert_eq!(world.versions(), versions);
    assert_eq!(world.left_over(), Vec::<String>::new());
}
