//! The arguments of `delete`.

use clap::Args;

use super::{Answers, Rows, SourceChoice, TargetChoice};
use crate::model::{ProjectName, Version};

/// Delete stored versions
///
/// Servers are not touched. The last complete version of anything is deleted only with --force.
#[derive(Debug, Args)]
pub struct Delete {
    /// Whose versions
    #[arg(value_name = "[REMOTE:]NAME", required = true)]
    pub names: Vec<String>,
    /// The versions to delete
    #[arg(
        long = "version",
        value_name = "VERSION",
        required_unless_present = "all_versions"
    )]
    pub versions: Vec<Version>,
    /// Delete every version
    #[arg(long, conflicts_with = "versions")]
    pub all_versions: bool,
    /// The project
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Where from
    #[command(flatten)]
    pub target: TargetChoice,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Allow what is refused by default; each refusal says when this would allow it
    #[arg(long)]
    pub force: bool,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}
