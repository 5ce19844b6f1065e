//! The arguments of `protect` and `unprotect`.

use clap::Args;

use super::{Answers, Rows, SourceChoice, TargetChoice};
use crate::model::{ProjectName, Version};

/// Protect stored versions from being deleted, or take that back
#[derive(Debug, Args)]
pub struct Protect {
    /// Whose versions
    #[arg(value_name = "[REMOTE:]NAME", required = true)]
    pub names: Vec<String>,
    /// The versions [default: the newest complete one]
    #[arg(long = "version", value_name = "VERSION")]
    pub versions: Vec<Version>,
    /// Every version
    #[arg(long, conflicts_with = "versions")]
    pub all_versions: bool,
    /// The project
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Where
    #[command(flatten)]
    pub target: TargetChoice,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}
