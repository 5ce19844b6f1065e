//! Which stored configuration a command means.

use std::sync::Arc;

use super::super::source::{self, of_one_source};
use crate::cli::context::Context;
use crate::cli::failure::CommandError;
use crate::list::newest_complete;
use crate::model::{Kind, SourceName, Version};
use crate::target::{State, Stored, Target};

/// The stored configurations of one server, oldest first.
pub(super) async fn versions(
    context: &Context,
    target: &Arc<dyn Target>,
    remote: Option<&String>,
    from: Option<&SourceName>,
) -> Result<Vec<Stored>, CommandError> {
    let arguments: Vec<String> = remote.cloned().into_iter().collect();
    only_remotes(&arguments)?;
    let choice = source::choose(context, &arguments, from).await?;
    source::versions(target, &choice, Kind::Config, None).await
}

/// Refuses names: a server has one configuration.
pub(super) fn only_remotes(arguments: &[String]) -> Result<(), CommandError> {
    match arguments.iter().find(|argument| !argument.ends_with(':')) {
        None => Ok(()),
        Some(name) => Err(CommandError::Usage(format!(
            "a configuration has no name: write `{name}:` for the remote"
        ))),
    }
}

/// The version that is meant: the one asked for, or the newest complete one.
pub(super) fn pick(stored: &[Stored], version: Option<Version>) -> Result<&Stored, CommandError> {
    of_one_source(stored)?;
    let missing = |text: String| CommandError::NoVersion(text);
    match version {
        Some(version) => stored
            .iter()
            .find(|stored| stored.id.version == version)
            .ok_or_else(|| {
                missing(format!(
                    "the target holds no configuration of version {version}"
                ))
            }),
        None if stored.is_empty() => Err(missing("the target holds no configuration".to_owned())),
        None => newest_complete(stored)
            .ok_or_else(|| missing("no stored configuration is complete".to_owned())),
    }
}

/// The version that is meant, which must have its manifest. One that is damaged is opened, for the
/// error that tells why.
pub(in crate::cli::command) async fn pick_readable<'a>(
    target: &Arc<dyn Target>,
    stored: &'a [Stored],
    version: Option<Version>,
) -> Result<&'a Stored, CommandError> {
    let picked = pick(stored, version)?;
    if picked.state != State::Complete && picked.manifest.is_none() {
        let (target, id) = (target.clone(), picked.id.clone());
        crate::cli::context::blocking(move || target.open(&id).map(drop)).await??;
    }
    Ok(picked)
}
