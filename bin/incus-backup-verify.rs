//! `incus-backup-verify`: checks whether what a target holds is what was stored.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::verify()
}
