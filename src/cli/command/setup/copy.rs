//! `copy`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::report;
use super::super::source::chosen;
use crate::cli::args::{Chosen, Copy, SourceChoice, TargetChoice};
use crate::cli::context::{Agreed, Context, Place, blocking, cores};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_report};
use crate::list::newest_complete;
use crate::model::{ResourceId, SourceName};
use crate::plan::Report;
use crate::target::{Location, Stored, Target, TargetError};
use crate::transfer::{self, Encrypting, Facts, Packing};

/// Copies stored versions from one target to another.
pub(in crate::cli) async fn copy(context: &Context, args: Copy) -> Result<Exit, CommandError> {
    let choice =
        |target: &str| TargetChoice::plain(Some(target.to_owned()), args.locks, args.unlock);
    let (mut from, mut to) = (choice(&args.from), choice(&args.to));
    from.identities.clone_from(&args.identities.identity);
    to.recipients.clone_from(&args.recipients.recipient);
    let there = context.choice(&to)?;
    if context.choice(&from)?.location == there.location {
        let text = format!("--from and --to are the same target, `{}`", there.location);
        return Err(CommandError::Usage(text));
    }
    let packing = match (&there.location, args.compression) {
        (Location::Restic(_), asked) => {
            there.compression(asked)?;
            Packing::Unpacked
        }
        (Location::Directory(_), Some(asked)) => Packing::Anew(asked),
        (Location::Directory(_), None) => Packing::Kept(there.compression(None)?),
    };
    let source = context.target(&from, &args.answers).await?;
    let place = context.place(&to, &args.answers).await?;
    let wanted = wanted(context, &source, &args).await?;
    let facts = gather(&source, &place, wanted).await?;
    let encrypting = match (&there.location, &there.encryption.recipients) {
        (Location::Restic(_), _) => Encrypting::Itself,
        (Location::Directory(_), Some(_)) => Encrypting::Anew,
        (Location::Directory(_), None) => Encrypting::Keeps,
    };
    let plan = transfer::plan(packing, encrypting, &facts);
    let servers: BTreeSet<SourceName> = facts.sources.into_keys().collect();
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => format!("Copy 1 version to `{}`?", there.location),
        count => format!("Copy {count} versions to `{}`?", there.location),
    };
    let approved = match context
        .agree(plan, question, &args.answers, &args.rows)
        .await?
    {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            return report::write(context, &Report::of_rest(plan.rows()), &args.rows);
        }
        Agreed::Approved(approved) => approved,
    };
    let target = context.establish(place, &to, &args.answers).await?;
    let run = transfer::Context {
        from: source,
        to: target.clone(),
        threads: cores(),
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    let report = blocking(move || transfer::apply(&run, approved)).await?;
    let exit = exit_of_report(&report);
    for server in &servers {
        report::record(context, (&target, server), &report, exit).await;
    }
    report::write(context, &report, &args.rows)
}

/// The versions that are meant.
async fn wanted(
    context: &Context,
    source: &Arc<dyn Target>,
    args: &Copy,
) -> Result<Vec<Stored>, CommandError> {
    let choice = Chosen {
        names: args.names.clone(),
        kind: args.kind,
        project: args.project.clone(),
        source: SourceChoice {
            from: args.source.clone(),
        },
    };
    let mut wanted = chosen(context, source, &choice).await?;
    if let Some(version) = args.version {
        wanted.retain(|stored| stored.id.version == version);
    }
    if args.latest {
        wanted = latest(wanted);
    }
    if wanted.is_empty() && (args.version.is_some() || !args.names.is_empty()) {
        let text = "the target holds no such version".to_owned();
        return Err(CommandError::NoVersion(text));
    }
    Ok(wanted)
}

/// The newest complete version of each.
fn latest(stored: Vec<Stored>) -> Vec<Stored> {
    let mut of_each: BTreeMap<(SourceName, ResourceId), Vec<Stored>> = BTreeMap::new();
    for version in stored {
        let key = (version.id.source.clone(), version.id.resource.clone());
        of_each.entry(key).or_default().push(version);
    }
    let newest = of_each.values().filter_map(newest_complete);
    newest.cloned().collect()
}

async fn gather(
    source: &Arc<dyn Target>,
    place: &Place,
    wanted: Vec<Stored>,
) -> Result<Facts, CommandError> {
    let source = source.clone();
    let (there, location) = match place {
        Place::Target(target) => (Some(target.clone()), target.location()),
        Place::Creatable(location) => (None, location.clone()),
    };
    let read = move || {
        let mut facts = transfer::gather(&*source, there.as_deref(), wanted)?;
        if there.is_none() {
            facts.free = location.free_space()?;
        }
        Ok::<_, TargetError>(facts)
    };
    Ok(blocking(read).await??)
}
