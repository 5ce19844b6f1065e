//! `incus-backup-instance`: backs instances up and brings them back.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::instance()
}
