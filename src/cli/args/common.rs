//! Flags that several verbs share.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::incus::Throttle;
use crate::model::{Kind, ProjectName, Rate, SourceName};
use crate::ui::{self, Format};

/// How much is said, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Messages")]
pub struct Verbosity {
    /// Say nothing but errors and results
    #[arg(short, long, global = true, conflicts_with_all = ["verbose", "debug"])]
    pub quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Log every request and decision
    #[arg(long, global = true)]
    pub debug: bool,
    /// The form of progress, warnings and errors on standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// The form of what goes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<&Verbosity> for ui::Verbosity {
    fn from(said: &Verbosity) -> Self {
        Self {
            quiet: said.quiet,
            verbose: said.verbose,
            debug: said.debug,
            format: match said.log_format {
                LogFormat::Text => ui::LogFormat::Text,
                LogFormat::Json => ui::LogFormat::Json,
            },
        }
    }
}

/// Where backups live.
#[derive(Debug, Clone, Args)]
pub struct TargetChoice {
    /// Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the
    /// name of a target in `backup.yml` [default:
    /// `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]
    #[arg(long, value_name = "URI|NAME", alias = "output")]
    pub target: Option<String>,
    /// Locks
    #[command(flatten)]
    pub locks: LockWait,
    /// Take away the locks of a restic repository whose processes are gone, after asking
    #[arg(long)]
    pub unlock: bool,
    /// Whom what is written is encrypted to
    #[arg(skip)]
    pub recipients: Vec<String>,
    /// The files of the keys that what is read is decrypted with
    #[arg(skip)]
    pub identities: Vec<PathBuf>,
}

impl TargetChoice {
    /// A target of which nothing is encrypted or decrypted.
    pub(in crate::cli) fn plain(target: Option<String>, locks: LockWait, unlock: bool) -> Self {
        Self {
            target,
            locks,
            unlock,
            recipients: Vec::new(),
            identities: Vec::new(),
        }
    }
}

/// How long the locks of others are waited for.
#[derive(Debug, Clone, Copy, Args)]
pub struct LockWait {
    /// Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "10",
        visible_alias = "retry-lock",
        value_parser = seconds
    )]
    pub lock_timeout: u64,
}

/// Reads a number of seconds, also as restic takes it: `90`, `30s`, `5m`, `1h`.
fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, text.chars().last()),
        None => (text, None),
    };
    let factor = match unit {
        Some('m') => 60,
        Some('h') => 3600,
        _ => 1,
    };
    let number: Option<u64> = number.parse().ok();
    let seconds = number.and_then(|number| number.checked_mul(factor));
    seconds.ok_or_else(|| "write it as 30, 30s, 5m or 1h".to_owned())
}

/// Which projects are meant.
#[derive(Debug, Clone, Args)]
pub struct ProjectScope {
    /// The project [default: the remote's, as `incus` finds it]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// All projects
    #[arg(long, conflicts_with = "project")]
    pub all_projects: bool,
}

/// The form of printed rows.
#[derive(Debug, Clone, Args)]
pub struct Rows {
    /// The form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
    /// The columns of tables and CSV, by name, separated by commas
    #[arg(short, long, value_name = "COLUMNS")]
    pub columns: Option<String>,
}

/// The form of one printed object.
#[derive(Debug, Clone, Args)]
pub struct Output {
    /// The form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
}

/// What is answered before it is asked.
#[derive(Debug, Clone, Args)]
pub struct Answers {
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// What is answered before it is asked, by a command that changes nothing.
#[derive(Debug, Clone, Args)]
pub struct ReadAnswers {
    /// Do not ask whether to go on with an old restic, or to take a lock away
    #[arg(short, long)]
    pub yes: bool,
}

impl From<&ReadAnswers> for Answers {
    fn from(said: &ReadAnswers) -> Self {
        Self {
            dry_run: false,
            yes: said.yes,
        }
    }
}

/// How the network is used.
#[derive(Debug, Clone, Args)]
pub struct Link {
    /// Send and receive at most so much a second, all things together: 500KiB, 10MiB, 1.5MB
    #[arg(long, value_name = "RATE")]
    pub bandwidth_limit: Option<Rate>,
}

impl Link {
    /// What all connections of a command share.
    pub(in crate::cli) fn throttle(&self) -> Option<Arc<Throttle>> {
        let limit = self.bandwidth_limit?;
        Some(Arc::new(Throttle::new(limit)))
    }
}

/// Which server's backups are meant.
#[derive(Debug, Clone, Args)]
pub struct SourceChoice {
    /// The source: the server whose backups are meant [default: the remote's own]
    #[arg(long, value_name = "SOURCE")]
    pub from: Option<SourceName>,
}

/// Which stored versions of which resources are meant.
#[derive(Debug, Clone, Args)]
pub struct Chosen {
    /// Only these, as `list` names them (`NAME`, or `POOL/NAME`); without a name everything
    #[arg(value_name = "[REMOTE:][NAME]")]
    pub names: Vec<String>,
    /// Only this kind: instance, volume, bucket, image or config
    #[arg(long = "type", value_name = "KIND")]
    pub kind: Option<Kind>,
    /// Only this project [default: all]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
}

impl Chosen {
    /// Whether a run is about everything that a server, or all of them, have in the target.
    pub(in crate::cli) fn is_everything(&self) -> bool {
        self.names.iter().all(|name| name.ends_with(':'))
            && self.kind.is_none()
            && self.project.is_none()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", Some(0))]
    #[case("90", Some(90))]
    #[case("30s", Some(30))]
    #[case("5m", Some(300))]
    #[case("1h", Some(3600))]
    #[case("", None)]
    #[case("m", None)]
    #[case("-1", None)]
    #[case("99999999999999999h", None)]
    fn seconds_may_have_a_unit(#[case] text: &str, #[case] is: Option<u64>) {
        assert_eq!(seconds(text).ok(), is);
    }
}
