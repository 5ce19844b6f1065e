//! `incus-backup-setup metrics`.

use std::os::unix::fs::PermissionsExt as _;

use incus_backup::testing::fake::Series;

use crate::fake::World;
use crate::lab::Ran;

#[test]
fn metrics_of_the_target_are_printed_or_put_into_a_file() {
    let world = World::with_web(Series::Lts60, "btrfs");
    let metrics = |more: &[&str]| {
        let mut command = world.command_for("setup", &[&["metrics"], more].concat());
        command.env("INCUS_BACKUP_TEST_CLOCK", "2026-01-01T02:00:00Z");
        Ran::of(&command.output().unwrap())
    };
    metrics(&[]).exits(10);
    let mut create = world.command_for("all", &["create", "--yes"]);
    create.env("INCUS_BACKUP_TEST_CLOCK", "2026-01-01T01:00:00Z");
    Ran::of(&create.output().unwrap()).exits(0);
    let text = metrics(&[]).exits(0).stdout;
    let web = r#"{source="fake",type="instance",project="default",pool="",name="web""#;
    let config = r#"{source="fake",type="config",project="",pool="",name="""#;
    for line in [
        format!("incus_backup_last_success_age_seconds{web}}} 3600"),
        format!("incus_backup_last_success_age_seconds{config}}} 3600"),
        format!("incus_backup_last_success_verified{web}}} 0"),
        format!("incus_backup_last_success_consistency{web},consistency=\"crash-consistent\"}} 1"),
        format!("incus_backup_versions{web},state=\"complete\"}} 1"),
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in {text}");
    }
    let duration = format!("incus_backup_last_success_duration_seconds{web}}} ");
    let took = text
        .lines()
        .find_map(|it| it.strip_prefix(&duration))
        .unwrap();
    assert!(took.parse::<f64>().unwrap() < 60.0, "{took}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("incus.prom");
    std::fs::write(&file, "old").unwrap();
    let path = file.to_str().unwrap();
    let ran = metrics(&["--output", path]).exits(0);
    assert_eq!(ran.stdout, "");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.starts_with("# HELP incus_backup_") && written.ends_with('\n'));
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o644
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    metrics(&["--output", "/nowhere/x.prom"]).exits(1);
}
