//! Where backups live, with what their files are encrypted to or decrypted with.

use std::ops::Deref;
use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

use super::TargetChoice;

/// Where backups live that are made.
#[derive(Debug, Clone)]
pub struct WrittenTarget(TargetChoice);

/// Where backups live that are read.
#[derive(Debug, Clone)]
pub struct ReadTarget(TargetChoice);

/// Whom what is written is encrypted to.
#[derive(Debug, Clone, Args)]
pub struct Recipients {
    /// Encrypt to this recipient of age, which is no secret, in a directory; may be given several times
    /// [default: `recipients` of the target in `backup.yml`, else nothing is encrypted]
    #[arg(long, value_name = "RECIPIENT")]
    pub recipient: Vec<String>,
}

/// What is decrypted with which keys.
#[derive(Debug, Clone, Args)]
pub struct Identities {
    /// Decrypt with the keys in this file, as `age-keygen` writes it; may be given several times [default:
    /// `INCUS_BACKUP_IDENTITY`, `identities` of the target in `backup.yml`]
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
}

#[derive(Args)]
struct WrittenFlags {
    #[command(flatten)]
    target: TargetChoice,
    #[command(flatten)]
    recipients: Recipients,
}

#[derive(Args)]
struct ReadFlags {
    #[command(flatten)]
    target: TargetChoice,
    #[command(flatten)]
    identities: Identities,
}

impl From<WrittenFlags> for WrittenTarget {
    fn from(flags: WrittenFlags) -> Self {
        Self(TargetChoice {
            recipients: flags.recipients.recipient,
            ..flags.target
        })
    }
}

impl From<ReadFlags> for ReadTarget {
    fn from(flags: ReadFlags) -> Self {
        Self(TargetChoice {
            identities: flags.identities.identity,
            ..flags.target
        })
    }
}

/// The flags of one are those of another, and what they say is a [`TargetChoice`].
macro_rules! flags {
    ($target:ty, $flags:ty) => {
        impl Deref for $target {
            type Target = TargetChoice;

            fn deref(&self) -> &TargetChoice {
                &self.0
            }
        }

        impl FromArgMatches for $target {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                <$flags>::from_arg_matches(matches).map(Self::from)
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl Args for $target {
            fn augment_args(command: Command) -> Command {
                <$flags>::augment_args(command)
            }

            fn augment_args_for_update(command: Command) -> Command {
                <$flags>::augment_args_for_update(command)
            }
        }
    };
}

flags!(WrittenTarget, WrittenFlags);
flags!(ReadTarget, ReadFlags);
