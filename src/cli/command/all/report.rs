//! `report`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;

use super::super::source::sources;
use super::super::written::{print, replace};
use super::protection::wanted_of;
use super::servers::named;
use crate::cli::args::{LockWait, ReportAll, TargetChoice};
use crate::cli::context::{Context, blocking, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::incus::Config;
use crate::model::{RemoteName, SourceName, Version};
use crate::plan::messages;
use crate::protection::{Least, Rule, Wanted};
use crate::report::{Facts, Server, page};
use crate::target::{Filter, RunRecord, Stored, Target, TargetError, without_credentials};

/// For how many seconds a lock is waited for.
const PATIENCE: u64 = 10;
/// How many records of runs are read of each server.
const RUNS: usize = 15;
/// The page tells what there is, and where it lacks a backup.
const MODE: u32 = 0o600;

/// Writes a page that shows what is protected.
pub(in crate::cli) async fn report(
    context: &Context,
    args: ReportAll,
) -> Result<Exit, CommandError> {
    let choice = TargetChoice::plain(
        args.target.clone(),
        LockWait {
            lock_timeout: PATIENCE,
        },
        false,
    );
    let target = context.target(&choice, &(&args.answers).into()).await?;
    if let Some(source) = &args.source.from {
        sources(&target, source).await?;
    }
    let gathering = gather(context, &args, &target);
    let facts = context.unless_cancelled(gathering).await?;
    let html = page(&facts);
    let written = if args.output == Path::new("-") {
        print(&html)
    } else {
        replace(&args.output, &html, mode_of(&args.output))
    };
    written.map_err(CommandError::Output)?;
    Ok(Exit::Done)
}

/// The permissions that a file has: somebody may have given it to a web server.
fn mode_of(path: &Path) -> u32 {
    match path.symlink_metadata() {
        Ok(known) if known.is_file() => known.permissions().mode() & 0o777,
        _ => MODE,
    }
}

async fn gather(
    context: &Context,
    args: &ReportAll,
    target: &Arc<dyn Target>,
) -> Result<Facts, CommandError> {
    let filter = Filter {
        source: args.source.from.clone(),
        ..Filter::default()
    };
    let reader = target.clone();
    let read = move || {
        let stored = reader.versions(&filter)?;
        let sources = match filter.source {
            Some(source) => vec![source],
            None => reader.sources()?,
        };
        Ok::<_, TargetError>((stored, runs(&*reader, &sources), reader.free_space()?))
    };
    let (mut stored, runs, free) = blocking(read).await??;
    let mut servers = servers(context, args, &stored).await?;
    if let Some(project) = &args.project {
        stored.retain(|it| it.id.resource.project() == Some(project));
        let of_project = |it: &Wanted| it.resource.project() == Some(project);
        for wanted in servers.iter_mut().flat_map(|server| &mut server.wanted) {
            wanted.retain(of_project);
        }
    }
    Ok(Facts {
        target: without_credentials(&target.location().to_string()),
        free,
        stored,
        servers,
        runs,
        rule: Rule {
            least: match (args.drilled, args.verified) {
                (true, _) => Least::Drilled,
                (false, true) => Least::Verified,
                (false, false) => Least::Complete,
            },
            max_age: args.max_age,
            now: Version::now().timestamp(),
        },
        zone: context.terminal.zone.clone(),
    })
}

/// What is recorded of the newest runs. That it cannot be read takes nothing from the rest.
fn runs(target: &dyn Target, sources: &[SourceName]) -> Vec<RunRecord> {
    let of_source = |source| match target.runs(source, RUNS) {
        Ok(runs) => runs,
        Err(error) => {
            tracing::warn!(%error, "cannot read the records of runs");
            Vec::new()
        }
    };
    sources.iter().flat_map(of_source).collect()
}

/// What the servers say that there should be backups of. One that is not known by name, for its client's
/// configuration cannot be read, is none of them.
async fn servers(
    context: &Context,
    args: &ReportAll,
    stored: &[Stored],
) -> Result<Vec<Server>, CommandError> {
    let config = match context.config() {
        Ok(config) => config,
        Err(error) if args.remotes.is_empty() => {
            let why = messages(&error).join(": ");
            context.progress.warn(&format!("no server is asked: {why}"));
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let remotes = named(context, &config, &args.remotes)?;
    let asking = remotes
        .iter()
        .map(|remote| ask(context, (&config, remote), args, stored));
    let servers: Result<Vec<Option<Server>>, CommandError> =
        join_all(asking).await.into_iter().collect();
    Ok(servers?.into_iter().flatten().collect())
}

/// Asks a server. Nothing where it is not the one that is meant, or has no name.
async fn ask(
    context: &Context,
    (config, remote): (&Config, &RemoteName),
    args: &ReportAll,
    stored: &[Stored],
) -> Result<Option<Server>, CommandError> {
    let asked = async {
        let client = context.connect(config, remote).await?;
        let source = source_of(&client, remote)?.name;
        let own = stored.iter().filter(|it| it.id.source == source);
        let wanted = wanted_of(&client, own).await?;
        Ok::<_, CommandError>((source, wanted))
    };
    let from = args.source.from.as_ref();
    match asked.await {
        Ok((source, wanted)) if from.is_none_or(|from| *from == source) => Ok(Some(Server {
            source,
            wanted: Ok(wanted),
        })),
        Ok(_) => Ok(None),
        Err(CommandError::Interrupted) => Err(CommandError::Interrupted),
        Err(error) => {
            let why = messages(&error).join(": ");
            let text = format!("`{remote}:` is not asked what it holds: {why}");
            context.progress.warn(&text);
            Ok(unreached((remote, why), from, stored))
        }
    }
}

/// A server that does not answer, by the name that the target has for it.
fn unreached(
    (remote, why): (&RemoteName, String),
    from: Option<&SourceName>,
    stored: &[Stored],
) -> Option<Server> {
    let mut known: Vec<&SourceName> = stored.iter().map(|it| &it.id.source).collect();
    known.dedup();
    let named: Option<SourceName> = remote.as_str().parse().ok();
    let source = match (from, known.as_slice(), named) {
        (Some(from), _, _) => from.clone(),
        // What the local server calls itself is not known; it is the only one.
        (None, [only], _) if remote.as_str() == "local" => (*only).clone(),
        (None, _, Some(named)) if remote.as_str() != "local" => named,
        _ => return None,
    };
    Some(Server {
        source,
        wanted: Err(without_credentials(&why)),
    })
}
