//! `incus-backup-prune`.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::report;
use super::source::chosen;
use crate::cli::args::Prune;
use crate::cli::context::{Agreed, Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::model::{SourceName, Version};
use crate::plan::Report;
use crate::prune::{self, Request};
use crate::retention::Rules;
use crate::settings::Settings;
use crate::target::{Stored, Target};

/// Removes what no rule keeps.
pub(in crate::cli) async fn prune(context: &Context, args: Prune) -> Result<Exit, CommandError> {
    let target = context.target(&args.target, &args.answers).await?;
    let stored = chosen(context, &target, &args.chosen).await?;
    let settings = Settings::load(context.environment.incus.config_folder().as_deref())?;
    let mut of_settings = Rules::default();
    for (name, value) in &settings.retention {
        of_settings.add(name, value)?;
    }
    let request = Request {
        flags: args.keep.rules(),
        settings: of_settings,
        force: args.force,
        now: Version::now().timestamp(),
        zone: TimeZone::system(),
    };
    let own = |stored: &Stored| {
        stored
            .manifest
            .as_ref()
            .is_some_and(|it| it.retention.is_some())
    };
    if request.says_nothing() && !stored.iter().any(own) {
        return Err(CommandError::NoRules);
    }
    let sources = looked_at(&target, &args, &stored).await?;
    let plan = prune::plan(&request, &stored);
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => "Remove 1 version?".to_owned(),
        count => format!("Remove {count} versions?"),
    };
    let mut answers = args.answers.clone();
    answers.yes |= args.apply;
    let approved = match context.agree(plan, question, &answers, &args.rows).await? {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            clear(context, target, sources).await?;
            return report::write(context, &Report::of_rest(plan.rows()), &args.rows);
        }
        Agreed::Approved(approved) => approved,
    };
    let (pruned, cancel) = (target.clone(), context.cancel.clone());
    let report = blocking(move || prune::apply(&pruned, approved, &cancel)).await?;
    report::tell_through(&*context.progress, &report);
    clear(context, target, sources).await?;
    report::write(context, &report, &args.rows)
}

/// The sources that are looked at: where everything is, also those that hold nothing but what ended
/// processes left.
async fn looked_at(
    target: &Arc<dyn Target>,
    args: &Prune,
    stored: &[Stored],
) -> Result<BTreeSet<SourceName>, CommandError> {
    let chosen = &args.chosen;
    if !chosen.names.is_empty() || chosen.kind.is_some() || chosen.project.is_some() {
        let sources = stored.iter().map(|stored| stored.id.source.clone());
        return Ok(sources.collect());
    }
    if let Some(source) = &chosen.source.from {
        return Ok(BTreeSet::from([source.clone()]));
    }
    let target = target.clone();
    let all = blocking(move || target.sources()).await??;
    Ok(all.into_iter().collect())
}

/// Removes what ended processes left beside the versions.
async fn clear(
    context: &Context,
    target: Arc<dyn Target>,
    sources: BTreeSet<SourceName>,
) -> Result<(), CommandError> {
    for source in sources {
        let (cleared, of) = (target.clone(), source.clone());
        match blocking(move || cleared.clear(&of)).await? {
            Ok(0) => {}
            Ok(count) => context.progress.warn(&format!(
                "removed {count} unfinished versions and files of `{source}` that ended processes left"
            )),
            Err(error) => context.progress.warn(&format!(
                "cannot remove what ended processes left of `{source}`: {error}"
            )),
        }
    }
    Ok(())
}
