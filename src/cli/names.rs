//! Which server and which names a command means.

use super::failure::CommandError;
use crate::incus::{Client, Config};
use crate::model::{ProjectName, RemoteName};

/// The names of a command: all of one remote.
#[derive(Debug)]
pub(super) struct Named {
    /// The remote.
    pub(super) remote: RemoteName,
    /// The names, without duplicates; none means all.
    pub(super) names: Vec<String>,
}

/// Takes `[REMOTE:][NAME]` arguments apart.
pub(super) fn resolve(config: &Config, arguments: &[String]) -> Result<Named, CommandError> {
    let mut named: Option<Named> = None;
    for argument in arguments {
        let (remote, name) = config.split(argument)?;
        let into = named.get_or_insert_with(|| Named {
            remote: remote.clone(),
            names: vec![],
        });
        if into.remote != remote {
            return Err(CommandError::Usage(format!(
                "`{}:` and `{remote}:` are two servers; one command works with one",
                into.remote
            )));
        }
        if name.is_empty() && arguments.len() > 1 {
            return Err(CommandError::Usage(format!(
                "`{argument}` means all of them; name either that or single ones"
            )));
        }
        if !name.is_empty() && !into.names.iter().any(|known| known == name) {
            into.names.push(name.to_owned());
        }
    }
    Ok(named.unwrap_or_else(|| Named {
        remote: config.default_remote(),
        names: Vec::new(),
    }))
}

/// Takes names without a remote apart; `:` is not in them.
pub(super) fn without_remote(arguments: &[String]) -> Result<Named, CommandError> {
    let mut names: Vec<String> = Vec::new();
    for name in arguments {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(Named {
        remote: "local".parse()?,
        names,
    })
}

/// The project that is meant: the flag's, the environment's, the remote's, that of the user's own
/// socket, or `default`.
pub(super) fn project(
    config: &Config,
    client: &Client,
    remote: &RemoteName,
    flag: Option<&ProjectName>,
) -> Result<ProjectName, CommandError> {
    Ok(client.project_or_own(config.project(remote, flag)?))
}
