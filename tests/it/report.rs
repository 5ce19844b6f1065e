//! A page that shows what is protected: `incus-backup-all report`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use incus_backup::testing::fake::Series;

use crate::fake::World;
use crate::lab::Ran;

/// A server with `web`, `db` and a volume, of which `web` was backed up and verified.
fn world() -> World {
    let world = World::with_web(Series::Lts70, "zfs");
    {
        let mut state = world.incus.state();
        state.add_instance("db", "tank", "Stopped", "container");
        state.add_volume("tank", "data");
    }
    at(
        &world,
        "2026-01-01T00:00:00Z",
        &["instance", "create", "web", "--yes"],
    )
    .exits(0);
    at(
        &world,
        "2026-01-02T00:00:00Z",
        &["instance", "create", "web", "--yes"],
    )
    .exits(0);
    at(&world, "2026-01-02T01:00:00Z", &["verify"]).exits(0);
    world
}

fn at(world: &World, moment: &str, arguments: &[&str]) -> Ran {
    let mut command = world.command_for(arguments[0], &arguments[1..]);
    command
        .env("INCUS_BACKUP_TEST_CLOCK", moment)
        .env("TZ", "UTC");
    Ran::of(&command.output().unwrap())
}

fn report(world: &World, more: &[&str]) -> Ran {
    let arguments = [&["all", "report"], more].concat();
    at(world, "2026-01-02T03:00:00Z", &arguments)
}

fn has(html: &str, texts: &[&str]) {
    for text in texts {
        assert!(html.contains(text), "{text} in {html}");
    }
}

#[test]
fn a_page_shows_what_is_protected_and_what_is_not() {
    let world = world();
    let html = report(&world, &[]).exits(0).stdout;
    has(
        &html,
        &[
            "<!DOCTYPE html>",
            "<title>Backups of fake</title>",
            "<b>1 of 4</b><span class=\"soft\">have a recent backup</span>",
            "<li>configuration of the server: it has no backup</li>",
            "<li>instance <bdi>db</bdi>: it has no backup</li>",
            "<li>volume <bdi>data</bdi> <span class=\"where\">on pool <bdi>tank</bdi></span>: it has",
            ">2026-01-02 00:00</time><small>3h ago</small>",
            ">2026-01-01<small>2 versions</small>",
            "crash-consistent",
            "<div>2h ago</div>",
            "<code>incus-backup-instance create web --yes</code>",
            "Data in the newest backups",
        ],
    );
    let rows = at(
        &world,
        "2026-01-02T03:00:00Z",
        &["all", "list", "--unprotected", "-f", "json"],
    )
    .exits(4)
    .rows();
    assert_eq!(html.matches("<li>").count(), rows.len());
    let old = at(&world, "2026-01-03T03:00:00Z", &["all", "report"])
        .exits(0)
        .stdout;
    has(
        &old,
        &["<b>0 of 4</b>", "its newest complete backup is 27h old"],
    );
    let week = at(
        &world,
        "2026-01-03T03:00:00Z",
        &["all", "report", "--max-age", "7d", "--verified", "local:"],
    );
    has(
        &week.exits(0).stdout,
        &["<b>1 of 4</b><span class=\"soft\">have a recent verified"],
    );
    let shop = report(&world, &["--project", "shop"]).exits(0).stdout;
    has(&shop, &["There are no backups."]);
    report(&world, &["--from", "other"]).exits(10);
    report(&world, &["web"]).exits(2);
    report(&world, &["--verified", "--drilled"]).exits(2);
}

#[test]
fn a_page_is_put_into_its_place_whole_and_is_for_its_owner() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let ran = report(&world, &["--output", file.to_str().unwrap()]).exits(0);
    assert_eq!(ran.stdout, "");
    assert_eq!(mode(&file), 0o600);
    let first = fs::read_to_string(&file).unwrap();
    assert!(first.starts_with("<!DOCTYPE html>") && first.ends_with("</html>\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    report(&world, &["--output", file.to_str().unwrap()]).exits(0);
    assert_eq!(mode(&file), 0o644);
    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    report(&world, &["--output", "/nowhere/page.html"]).exits(1);
    let empty = World::new(Series::Lts70);
    report(&empty, &[]).exits(10);
}

#[test]
fn a_page_is_made_without_the_server_and_says_what_is_not_known() {
    let world = world();
    let mut command = world.command_for("all", &["report"]);
    command
        .env("INCUS_BACKUP_TEST_CLOCK", "2026-01-02T03:00:00Z")
        .env("INCUS_DIR", "/nowhere");
    let ran = Ran::of(&command.output().unwrap()).exits(0);
    has(
        &ran.stdout,
        &[
            "What <bdi>fake</bdi> has that was never backed up is not known: ",
            "<b>1 of 1</b>",
            "Everything that the target knows has a recent backup.",
        ],
    );
    assert!(
        ran.stderr
            .contains("warning: `local:` is not asked what it holds"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_page_runs_nothing_that_a_server_or_a_target_says() {
    let world = world();
    {
        let mut state = world.incus.state();
        let config = &mut state.instance("db").unwrap().object["config"];
        config["user.backup.timeout"] = "<script>alert(1)</script>".into();
    }
    // A record that somebody else wrote, and others that are none.
    let runs = world.root().join("fake/runs");
    let record = fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&record).unwrap();
    let mut hostile: serde_json::Value = serde_json::from_str(&text).unwrap();
    hostile["command"] = serde_json::json!(["x", "</td><script>alert(2)</script>"]);
    fs::write(&record, hostile.to_string()).unwrap();
    fs::write(runs.join("20990101T000000Z-00000000.json"), "{").unwrap();
    std::os::unix::fs::symlink(&record, runs.join("20990102T000000Z-00000000.json")).unwrap();
    let html = report(&world, &[]).exits(0).stdout;
    has(&html, &["&lt;script&gt;alert(1)", "&lt;script&gt;alert(2)"]);
    assert!(!html.to_lowercase().contains("<script"), "{html}");
    assert_eq!(html.matches("alert(2)").count(), 1);
}
