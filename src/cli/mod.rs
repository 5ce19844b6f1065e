//! The command line.

use std::process::ExitCode;

/// Runs `incus-backup`.
pub fn dispatcher() -> ExitCode {
    ExitCode::SUCCESS
}

/// Runs `incus-backup-instance`.
pub fn instance() -> ExitCode {
    ExitCode::SUCCESS
}
