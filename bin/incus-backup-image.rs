//! `incus-backup-image`: backs images up and brings them back.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::image()
}
