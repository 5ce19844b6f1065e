//! `incus-backup-setup`: sets up what backups need.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::setup()
}
