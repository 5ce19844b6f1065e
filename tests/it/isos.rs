//! Volumes that are ISO images: servers give them whole, or not at all, and nothing in them says whose
//! they are.

use incus_backup::testing::fake::{Fault, ISO, Series};
use rstest::rstest;
use serde_json::json;

use crate::fake::World;
use crate::lab::Ran;

/// What the image holds: more than is withheld until all of it is found right.
fn content() -> Vec<u8> {
    (0..251u8).cycle().take(900_000).collect()
}

/// A server with the ISO `tank/cd`; `gives` tells whether it exports it.
fn world(gives: bool) -> World {
    let world = World::new(Series::Lts70);
    {
        let mut state = world.incus.state();
        if gives {
            state.extensions.push("backup_iso");
        }
        state.add_pool("tank", "dir");
        let volume = state.add_volume("tank", "cd");
        volume.object.insert("content_type".into(), json!("iso"));
        volume.object["config"] = json!({ "size": content().len().to_string() });
        volume.files = [(ISO.to_owned(), content())].into();
    }
    world
}

fn run(world: &World, arguments: &[&str]) -> Ran {
    world.run_for("volume", &[arguments, &["--yes"]].concat())
}

/// Whether the image is there and whole, and its description; and the names of all volumes.
fn found(world: &World) -> (Option<(bool, String)>, Vec<String>) {
    let mut state = world.incus.state();
    let cd = state.volume("tank", "cd").map(|volume| {
        let description = volume.object["description"].as_str().unwrap();
        (volume.files[ISO] == content(), description.to_owned())
    });
    let names = state.custom.keys().map(|(_, _, name)| name.clone());
    (cd, names.collect())
}

fn whole() -> (Option<(bool, String)>, Vec<String>) {
    (Some((true, "the cd".to_owned())), vec!["cd".to_owned()])
}

#[test]
fn an_iso_comes_back_as_it_was_and_is_never_replaced() {
    let world = world(true);
    run(&world, &["create", "tank/cd"]).exits(0);
    let ran = run(&world, &["restore", "tank/cd", "--replace"]).exits(1);
    let told = "Incus lets nobody change the configuration of an ISO volume";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    world.incus.state().custom.clear();
    run(&world, &["restore", "tank/cd"]).exits(0);
    assert_eq!(found(&world), whole());
}

#[test]
fn of_an_iso_that_the_server_does_not_give_only_the_configuration_is_stored() {
    let world = world(false);
    let ran = run(&world, &["create", "tank/cd"]).exits(0);
    let told = "`tank/cd`: this server cannot export ISO volumes; only the volume's configuration is stored";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    world.incus.state().custom.clear();
    let ran = run(&world, &["restore", "tank/cd"]).exits(1);
    let told = "only its configuration was stored: a server without `backup_iso` gives the content of no iso volume";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(found(&world), (None, Vec::new()));
}

#[rstest]
#[case::cut_short("899000", "the export of `tank/cd` has ")]
#[case::never_so_long("900100", "the export of `tank/cd` has ")]
fn an_iso_of_another_size_is_not_stored(#[case] size: &str, #[case] told: &str) {
    let world = world(true);
    {
        let mut state = world.incus.state();
        state.volume("tank", "cd").unwrap().object["config"]["size"] = json!(size);
    }
    let ran = run(&world, &["create", "tank/cd"]).exits(1);
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let listed = world.run_for("volume", &["list", "-f", "json"]).exits(0);
    assert_eq!(listed.rows(), Vec::<serde_json::Value>::new());
    assert_eq!(world.left_over(), Vec::<String>::new());
}

/// What is not said of it yet, it is not: it does not stay.
#[rstest]
#[case::not_changed(&["refuse:PUT /custom/:500:no change"], &["no change"], false)]
#[case::not_deleted(
    &["refuse:PUT /custom/:500:no change", "refuse:DELETE /custom/:500:busy"],
    &[
        "no change",
        "warning: cannot delete volume `tank/cd`, which is not whole: ",
        ": busy; delete it before it is restored again",
    ],
    true
)]
fn an_iso_that_nothing_can_be_said_of_does_not_stay(
    #[case] faults: &[&'static str],
    #[case] told: &[&str],
    #[case] stays: bool,
) {
    let world = world(true);
    run(&world, &["create", "tank/cd"]).exits(0);
    {
        let mut state = world.incus.state();
        state.custom.clear();
        let faults = faults.iter().map(|it| Fault::parse(it).unwrap());
        state.faults = faults.collect();
    }
    let ran = run(&world, &["restore", "tank/cd"]).exits(1);
    assert_eq!(world.incus.state().faults, []);
    for text in told {
        assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
    }
    assert_eq!(found(&world).0.is_some(), stays);
    world.incus.state().custom.clear();
    run(&world, &["restore", "tank/cd"]).exits(0);
    assert_eq!(found(&world), whole());
}

/// What was saved beside it is checked as well, and before it is believed.
#[test]
fn an_iso_with_a_damaged_description_does_not_stay() {
    let world = world(true);
    run(&world, &["create", "tank/cd"]).exits(0);
    let folder = world.root().join("fake/volumes/default/tank/cd");
    let version = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let saved = version.path().join("volume.json");
    let text = std::fs::read_to_string(&saved).unwrap();
    std::fs::write(&saved, text.replace("the cd", "not cd")).unwrap();
    world.incus.state().custom.clear();
    let ran = run(&world, &["restore", "tank/cd"]).exits(1);
    assert!(
        ran.stderr.contains("volume.json is damaged"),
        "{}",
        ran.stderr
    );
    assert_eq!(found(&world), (None, Vec::new()));
}
