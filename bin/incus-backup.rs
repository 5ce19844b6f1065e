//! `incus-backup KIND …` runs the helper `incus-backup-KIND`.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::dispatcher()
}
