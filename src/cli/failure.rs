//! What every failure is called on the command line: its message, its hints, its exit code.
//!
//! The errors of the lower layers say what failed and why; what the user can do about it, and what
//! scripts see, is decided here and nowhere else.

use std::error::Error;
use std::path::PathBuf;

use super::exit::Exit;
use crate::aliases::{FileError, NotEditable};
use crate::archive::ArchiveError;
use crate::backup::BackupError;
use crate::config::ConfigError as ServerConfigError;
use crate::files::FilesError;
use crate::incus::{ConfigError, ConnectError, LoginError};
use crate::model::{InvalidName, SourceName};
use crate::plan::{Report, Status, Verdict};
use crate::restore::RestoreError;
use crate::retention::InvalidRules;
use crate::settings::SettingsError;
use crate::target::{InvalidRecipient, LocationError, TargetError};
use crate::temporary::ChangeError;
use crate::transfer::TransferError;
use crate::ui::{Message, NotConfirmed, UnknownColumn};
use crate::verify::{Finding, Found};

/// Why a command ended before it had rows to report.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// A name is none.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// A column is none.
    #[error("{0}")]
    Column(#[from] UnknownColumn),
    /// The target is written wrongly.
    #[error("{0}")]
    Location(#[from] LocationError),
    /// restic compresses by itself.
    #[error("archives in a restic repository are not compressed, for that hides what they share")]
    Compressed,
    /// restic encrypts by itself.
    #[error("what is in a restic repository is encrypted by restic, and not to recipients of age")]
    Encrypted,
    /// A recipient is none.
    #[error("{0}")]
    Recipient(#[from] InvalidRecipient),
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// The target does not do what it should.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// The client's configuration is wrong, or lacks the remote.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The server cannot be reached.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The server does not do what was asked.
    #[error("{0}")]
    Incus(#[from] crate::incus::Error),
    /// What an earlier run left cannot be looked for.
    #[error("cannot look for what earlier runs left")]
    Sweep(#[source] ChangeError),
    /// A backup cannot be planned.
    #[error("{0}")]
    Backup(#[from] BackupError),
    /// A restore cannot be planned.
    #[error("{0}")]
    Restore(#[from] RestoreError),
    /// A configuration cannot be read, compared or restored.
    #[error("{0}")]
    ServerConfig(#[from] ServerConfigError),
    /// Files of a backup cannot be had.
    #[error("{0}")]
    Files(#[from] FilesError),
    /// The target holds nothing of that server.
    #[error("target `{target}` holds no backups of source `{wanted}`")]
    NoSource {
        /// The target.
        target: String,
        /// The source that was meant.
        wanted: SourceName,
        /// The sources that it holds.
        known: Vec<SourceName>,
    },
    /// The version that was asked for is not there.
    #[error("{0}")]
    NoVersion(String),
    /// Nothing says what may be pruned.
    #[error("no retention rule says what stays, so nothing is removed")]
    NoRules,
    /// A retention rule is none.
    #[error("{0}")]
    Rules(#[from] InvalidRules),
    /// The client's configuration cannot be read or written.
    #[error("{0}")]
    ConfigFile(#[from] FileError),
    /// The client's configuration cannot be edited.
    #[error("cannot edit `{}`", path.display())]
    NotEditable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: NotEditable,
    },
    /// It was not confirmed.
    #[error("{0}")]
    NotConfirmed(#[from] NotConfirmed),
    /// Results cannot be written.
    #[error("cannot write the results")]
    Output(#[source] std::io::Error),
    /// The program cannot start its own machinery.
    #[error("cannot start")]
    Start(#[source] std::io::Error),
    /// A part of the program ended without a word.
    #[error("a worker ended unexpectedly")]
    Worker,
    /// The user stopped the command.
    #[error("interrupted")]
    Interrupted,
}

impl CommandError {
    /// The message, with hints.
    pub(super) fn message(&self) -> Message {
        let mut message = Message::error(self);
        for hint in hints(self) {
            message = message.hint(&hint);
        }
        message
    }

    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_)
            | Self::Compressed
            | Self::Encrypted
            | Self::Recipient(_)
            | Self::NoRules
            | Self::Name(_)
            | Self::Column(_)
            | Self::Files(FilesError::Path(_))
            | Self::Location(_) => Exit::Usage,
            Self::NotConfirmed(_) => Exit::NotConfirmed,
            Self::NoSource { .. } => Exit::NoTarget,
            Self::Interrupted | Self::Files(FilesError::Interrupted) => Exit::Interrupted,
            other => exit_of(other),
        }
    }
}

/// Everything in an error's chain, from the outermost on.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |inner| (*inner).source())
}

/// The exit code of an error by what is at its root.
fn exit_of(error: &(dyn Error + 'static)) -> Exit {
    // What cannot be decrypted is told by what was to read it, as if it were damaged.
    let is_key = |inner: &(dyn Error + 'static)| {
        let target = inner.downcast_ref::<TargetError>();
        target.is_some_and(TargetError::is_key)
    };
    if chain(error).any(is_key) {
        return Exit::Password;
    }
    for inner in chain(error) {
        if let Some(target) = inner.downcast_ref::<TargetError>() {
            if target.is_locked() {
                return Exit::Locked;
            }
            if target.is_interrupted() {
                return Exit::Interrupted;
            }
            if target.is_missing() {
                return Exit::NoTarget;
            }
            if target.is_password() {
                return Exit::Password;
            }
        }
        if let Some(RestoreError::Damaged { .. }) = inner.downcast_ref::<RestoreError>() {
            return Exit::Damaged;
        }
        if let Some(FilesError::Damaged(_)) = inner.downcast_ref::<FilesError>() {
            return Exit::Damaged;
        }
        if let Some(TransferError::Damaged { .. } | TransferError::Lacks(_)) =
            inner.downcast_ref::<TransferError>()
        {
            return Exit::Damaged;
        }
        if let Some(ServerConfigError::Damaged { .. }) = inner.downcast_ref::<ServerConfigError>() {
            return Exit::Damaged;
        }
    }
    Exit::Failed
}

/// The exit code of a run: of what failed, where all of it failed alike.
pub(super) fn exit_of_report(report: &Report) -> Exit {
    match report.verdict() {
        Verdict::Done => Exit::Done,
        Verdict::Partial => Exit::Partial,
        Verdict::Interrupted => Exit::Interrupted,
        Verdict::Failed => {
            let mut exits = report
                .outcomes
                .iter()
                .filter_map(|outcome| match outcome.status {
                    Status::Failed => outcome
                        .error
                        .as_ref()
                        .map(|failure| exit_of(failure.error())),
                    Status::Refused => Some(Exit::Failed),
                    _ => None,
                });
            let first = exits.next().unwrap_or(Exit::Failed);
            if exits.all(|exit| exit == first) {
                first
            } else {
                Exit::Failed
            }
        }
    }
}

/// The exit code of a verification: damage counts before what could not be checked.
pub(super) fn exit_of_findings(found: &[Finding]) -> Exit {
    let any = |fits: fn(&Found) -> bool| found.iter().any(|it| fits(&it.found));
    let mut failures = found.iter().filter_map(|finding| match &finding.found {
        Found::Failed(failure) => Some(exit_of(failure.error())),
        _ => None,
    });
    if any(|verdict| matches!(verdict, Found::Interrupted)) {
        Exit::Interrupted
    } else if any(|it| matches!(it, Found::Damaged(_) | Found::DrillFailed(_))) {
        Exit::Damaged
    } else if any(|verdict| matches!(verdict, Found::Good)) {
        failures.next().map_or(Exit::Done, |_| Exit::Partial)
    } else {
        failures.next().unwrap_or(Exit::Done)
    }
}

/// What the user can do about an error.
pub(super) fn hints(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for inner in chain(error) {
        let hint = command_hint(inner)
            .or_else(|| connect_hint(inner))
            .or_else(|| rights_hint(inner))
            .or_else(|| target_hint(inner))
            .or_else(|| files_hint(inner))
            .or_else(|| archive_hint(inner));
        if let Some(hint) = hint
            && !hints.contains(&hint)
        {
            hints.push(hint);
        }
    }
    hints
}

fn command_hint(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<NotConfirmed>() {
        return error.hint().map(str::to_owned);
    }
    if let Some(ServerConfigError::NotAdministrator) = error.downcast_ref::<ServerConfigError>() {
        return Some(
            "use the UNIX socket, or a client certificate without restrictions".to_owned(),
        );
    }
    match error.downcast_ref::<CommandError>()? {
        CommandError::NoSource { known, .. } if known.is_empty() => {
            Some("nothing has been backed up to this target yet".to_owned())
        }
        CommandError::NoSource { known, .. } => {
            let names: Vec<String> = known.iter().map(|name| format!("--from {name}")).collect();
            Some(format!(
                "it holds other servers' backups: {}",
                names.join(", ")
            ))
        }
        CommandError::NoRules => Some(
            "say it with --keep-daily 7 and its like, with `retention` in backup.yml, or on the \
             resource: user.backup.retention=daily:7,weekly:4"
                .to_owned(),
        ),
        CommandError::Compressed => Some(
            "leave --compression out; restic compresses what it stores, \
             `restic:repo=…,compression=max` more so"
                .to_owned(),
        ),
        CommandError::Encrypted => Some(
            "leave --recipient out, and `recipients` of the target in backup.yml: its password is the key"
                .to_owned(),
        ),
        CommandError::NotEditable { .. } => {
            Some("`incus-backup-setup aliases print` shows commands that do the same".to_owned())
        }
        CommandError::ConfigFile(FileError::Changed(_)) => Some("run it again".to_owned()),
        CommandError::NoVersion(_) => Some("`list` shows what the target holds".to_owned()),
        _ => None,
    }
}

fn files_hint(error: &(dyn Error + 'static)) -> Option<String> {
    match error.downcast_ref::<FilesError>()? {
        FilesError::NoSnapshot { held, .. } if held.is_empty() => {
            Some("it was made without any".to_owned())
        }
        FilesError::NoSnapshot { held, .. } => Some(format!("it holds: {}", held.join(", "))),
        FilesError::NoPartition => Some("`files list NAME` shows its partitions".to_owned()),
        FilesError::Holds { .. } => Some(
            "restore it beside the original with `restore --target-name`, or open the image that is in \
             the archive with `guestfish --ro`"
                .to_owned(),
        ),
        FilesError::Temporary { .. } => Some(
            "an archive that is packed or stored as this one is has to be unpacked for that; TMPDIR names \
             a folder with more room"
                .to_owned(),
        ),
        FilesError::PutDisk => Some(
            "take them out with `files get`, and `incus file push` them to where they belong"
                .to_owned(),
        ),
        FilesError::NoFiles(_) => {
            Some("restore it beside the original with `restore --target-name`".to_owned())
        }
        FilesError::Nothing(_) => Some("`files list` shows what it holds".to_owned()),
        FilesError::Link { .. } => Some("write the path that it leads to".to_owned()),
        FilesError::NotFile(_) => Some("name a place to take it to instead of `-`".to_owned()),
        FilesError::Exists(_) => Some(
            "name another place, or replace a file with --force; a directory is never replaced"
                .to_owned(),
        ),
        FilesError::Damaged(_) => {
            Some("`--version` picks another version, which `list` shows".to_owned())
        }
        _ => None,
    }
}

/// What whoever lacks a right can do.
fn rights_hint(error: &(dyn Error + 'static)) -> Option<String> {
    match error.downcast_ref::<crate::incus::Error>()? {
        error if error.is_forbidden() => Some(
            "`incus-backup-setup doctor REMOTE:` says what this client may do there; an administrator \
             of the server can let it do more"
                .to_owned(),
        ),
        crate::incus::Error::Login { .. } => Some(LoginError::hint("REMOTE")),
        _ => None,
    }
}

fn connect_hint(error: &(dyn Error + 'static)) -> Option<String> {
    error.downcast_ref::<ConnectError>()?.hint()
}

fn target_hint(error: &(dyn Error + 'static)) -> Option<String> {
    error.downcast_ref::<TargetError>()?.hint()
}

fn archive_hint(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(RestoreError::Damaged { .. }) = error.downcast_ref::<RestoreError>() {
        return Some(
            "restore another one: `list` shows the versions, `--version` picks one".into(),
        );
    }
    if let Some(BackupError::Archive(_)) = error.downcast_ref::<BackupError>() {
        return Some("nothing was stored; the server's log says more (`incus monitor`)".into());
    }
    if let Some(TransferError::Damaged { .. } | TransferError::Lacks(_)) =
        error.downcast_ref::<TransferError>()
    {
        return Some("nothing of it was copied; `incus-backup-verify` says what is damaged".into());
    }
    let _ = error.downcast_ref::<ArchiveError>()?;
    None
}
