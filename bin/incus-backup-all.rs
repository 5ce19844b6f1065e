//! `incus-backup-all`: backs a whole server up.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::all()
}
