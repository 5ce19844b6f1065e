//! The daemon is restarted in mid-run. Runs alone (`.config/nextest.toml`): it is everybody's daemon.

use std::time::Duration;

use crate::lab::{command, lab, until, variable};
use crate::real_bad_days::large;

#[test]
fn a_daemon_that_is_restarted_in_mid_run_costs_one_backup_and_leaves_nothing() {
    let Some(mut lab) = lab() else { return };
    let Some(restart) = variable("LAB_RESTART") else {
        eprintln!("left out: LAB_RESTART does not say how the daemon is restarted");
        return;
    };
    let name = large(&mut lab);
    let mut child = lab
        .backup_command(&["create", &name, "--yes", "-q"])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(900));
    assert!(
        command("sh")
            .args(["-c", &restart])
            .status()
            .unwrap()
            .success()
    );
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    until(60, "the daemon", || {
        lab.try_incus(&["list"]).code == Some(0)
    });
    lab.backup(&["create", &name, "--yes"]).exits(0);
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
}
