//! `incus-backup-prune`: removes stored versions that no retention rule keeps.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::prune()
}
