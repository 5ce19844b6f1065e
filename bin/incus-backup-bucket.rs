//! `incus-backup-bucket`: backs buckets up and brings them back.

use std::process::ExitCode;

fn main() -> ExitCode {
    incus_backup::cli::bucket()
}
