//! `incus-backup-config`: backs the configuration of a server up, compares it and brings it back.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::config()
}
