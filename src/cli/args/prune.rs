//! The arguments of `incus-backup-prune`.

use clap::{Args, Parser};

use super::{Answers, Chosen, Rows, TargetChoice, Verbosity};
use crate::cli::exit::EXIT_STATUS;
use crate::retention::{Count, Period, Rules, Within};

const EXAMPLES: &str = "Examples:
  incus-backup-prune --keep-last 3 --keep-daily 7 --keep-weekly 4 --dry-run
  incus-backup-prune web --keep-within 30d
  incus-backup-prune --type instance --project shop --yes";

/// Remove stored versions that no retention rule keeps
///
/// The rules are the flags; without any, those of each resource (`user.backup.retention`, as it was
/// when its newest version was made), then those of `retention` in `backup.yml`. The newest complete
/// version and the newest good one always stay, and so does what is protected; a damaged or
/// inconsistent version never takes the place of a better one.
#[derive(Debug, Parser)]
#[command(name = "incus-backup-prune", version, after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"))]
pub struct Prune {
    /// What is pruned
    #[command(flatten)]
    pub chosen: Chosen,
    /// What stays
    #[command(flatten)]
    pub keep: Keep,
    /// With rules that keep nothing, such as `--keep-last 0`: remove every version
    #[arg(long)]
    pub force: bool,
    /// Where
    #[command(flatten)]
    pub target: TargetChoice,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Do not ask: the word of an earlier tool
    #[arg(long, hide = true)]
    pub apply: bool,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The retention rules, with restic's meaning.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retention")]
pub struct Keep {
    /// Keep the newest N versions; N may be `unlimited` here and below
    #[arg(long = "keep-last", value_name = "N", alias = "keep")]
    pub last: Option<Count>,
    /// Keep one version of each of the newest N hours that have any
    #[arg(long = "keep-hourly", value_name = "N")]
    pub hourly: Option<Count>,
    /// Keep one version of each of the newest N days that have any
    #[arg(long = "keep-daily", value_name = "N")]
    pub daily: Option<Count>,
    /// Keep one version of each of the newest N weeks that have any
    #[arg(long = "keep-weekly", value_name = "N")]
    pub weekly: Option<Count>,
    /// Keep one version of each of the newest N months that have any
    #[arg(long = "keep-monthly", value_name = "N")]
    pub monthly: Option<Count>,
    /// Keep one version of each of the newest N years that have any
    #[arg(long = "keep-yearly", value_name = "N")]
    pub yearly: Option<Count>,
    /// Keep everything that is not older than the newest version by more than this: 30d, 1y6m
    #[arg(long = "keep-within", value_name = "DURATION")]
    pub within: Option<Within>,
}

impl Keep {
    /// The rules.
    pub fn rules(&self) -> Rules {
        let counts = [
            (Period::Last, self.last),
            (Period::Hourly, self.hourly),
            (Period::Daily, self.daily),
            (Period::Weekly, self.weekly),
            (Period::Monthly, self.monthly),
            (Period::Yearly, self.yearly),
        ];
        Rules {
            counts: counts
                .into_iter()
                .filter_map(|(period, count)| Some((period, count?)))
                .collect(),
            within: self.within.clone(),
        }
    }
}
