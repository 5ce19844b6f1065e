//! The arguments of `show`.

use clap::Args;

use super::{Output, ReadAnswers, SourceChoice, TargetChoice};
use crate::model::{ProjectName, Version};

/// Show what is known about a stored version
#[derive(Debug, Args)]
pub struct Show {
    /// What to show
    #[arg(value_name = "[REMOTE:]NAME")]
    pub name: String,
    /// The version [default: the newest complete one]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<Version>,
    /// The project
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Where from
    #[command(flatten)]
    pub target: TargetChoice,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Output
    #[command(flatten)]
    pub output: Output,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}
