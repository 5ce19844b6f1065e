//! The arguments of `list`.

use clap::Args;

use super::{ReadAnswers, Rows, SourceChoice, TargetChoice};
use crate::model::ProjectName;

/// List stored versions
///
/// Reads the target only; no server is asked unless a remote is named.
#[derive(Debug, Args)]
pub struct List {
    /// Only these; without a name all that the target holds
    #[arg(value_name = "[REMOTE:][NAME]")]
    pub names: Vec<String>,
    /// Where from
    #[command(flatten)]
    pub target: TargetChoice,
    /// Only this project [default: all]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// All projects: what `list` shows anyway
    #[arg(long, conflicts_with = "project", hide = true)]
    pub all_projects: bool,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}
