//! What a server of one series gave comes back on one of the other; an older one is not sent what it does
//! not know.

use incus_backup::testing::fake::Series;

use crate::fake::World;
use crate::lab::Ran;

/// A container with these keys, and a snapshot that has them too, stored from a server of one series.
fn stored(series: Series, keys: &[&str]) -> World {
    let world = World::with_web(series, "dir");
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        let snapshots = web.snapshots.iter_mut().map(|it| &mut it.object);
        for object in std::iter::once(&mut web.object).chain(snapshots) {
            for key in keys {
                object["config"][*key] = "1".into();
            }
        }
    }
    world.run(&["create", "web", "--yes"]).exits(0);
    world
}

/// Restores it to a server of the other series.
fn bring(from: &World, to: &World, more: &[&str]) -> Ran {
    let source = from.run(&["list", "-f", "json"]).exits(0).rows()[0]["source"].clone();
    let restore = [
        "restore",
        "web",
        "--yes",
        "-f",
        "json",
        "--from",
        source.as_str().unwrap(),
    ];
    let mut command = to.command(&[restore.as_slice(), more].concat());
    let target = format!("dir:{}", from.root().display());
    Ran::of(&command.env("INCUS_BACKUP_TARGET", target).output().unwrap())
}

fn server(series: Series) -> World {
    let world = World::new(series);
    let mut state = world.incus.state();
    state.add_pool("tank", "dir");
    state.fingerprint = "b".repeat(64);
    drop(state);
    world
}

fn config(world: &World, key: &str) -> (Option<String>, Option<String>) {
    let mut state = world.incus.state();
    let web = state.instance("web").unwrap();
    let of = |object: &serde_json::Map<String, serde_json::Value>| {
        object["config"][key].as_str().map(str::to_owned)
    };
    (of(&web.object), of(&web.snapshots[0].object))
}

#[test]
fn a_newer_server_takes_what_an_older_one_gave() {
    let from = stored(Series::Lts60, &["boot.autostart"]);
    let to = server(Series::Lts70);
    bring(&from, &to, &[]).exits(0);
    let one = Some("1".to_owned());
    assert_eq!(config(&to, "boot.autostart"), (one.clone(), one));
}

#[test]
fn an_older_server_is_told_before_anything_is_sent_what_it_does_not_know() {
    let from = stored(
        Series::Lts70,
        &["snapshots.expiry.manual", "volatile.vm.rtc_offset"],
    );
    let to = server(Series::Lts60);
    let refused = bring(&from, &to, &[]).exits(1);
    for word in ["`snapshots.expiry.manual`", "older", "--drop-unknown-keys"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("rtc_offset"), "{}", refused.stderr);
    let sent = to.incus.state().requests.clone();
    assert!(!sent.iter().any(|it| it.starts_with("POST")), "{sent:?}");

    let rows = bring(&from, &to, &["--drop-unknown-keys"]).exits(0).rows();
    let reason = rows[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("without `snapshots.expiry.manual`"),
        "{reason}"
    );
    assert_eq!(config(&to, "snapshots.expiry.manual"), (None, None));
    assert_eq!(config(&to, "user.note").0, Some("x".to_owned()));
}

/// What the server itself wrote down of a run is no reason to refuse anything.
#[test]
fn what_only_the_newer_server_wrote_down_for_itself_is_left_out() {
    let from = stored(Series::Lts70, &["volatile.vm.rtc_offset"]);
    let to = server(Series::Lts60);
    bring(&from, &to, &[]).exits(0);
    assert_eq!(config(&to, "volatile.vm.rtc_offset"), (None, None));
    let again = server(Series::Lts70);
    bring(&from, &again, &[]).exits(0);
    assert_eq!(
        config(&again, "volatile.vm.rtc_offset").0,
        Some("1".to_owned())
    );
}
