//! `incus-backup-volume`: backs custom volumes up and brings them back.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::volume()
}
