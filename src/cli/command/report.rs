//! What a command prints when it is through.

use std::io::{self, Write as _};
use std::sync::Arc;

use crate::cli::args::Rows;
use crate::cli::context::{Context, Place, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_report, hints};
use crate::model::{SourceName, Version};
use crate::notify::Tally;
use crate::plan::{Failure, Outcome, Report, Status};
use crate::progress::Progress;
use crate::target::{RunRecord, Target, without_credentials};
use crate::ui::{Columns, Message, Output, View, write_rows};

/// Prints a report's rows to stdout and tells its failures on stderr; gives the exit code.
pub(super) fn write(context: &Context, report: &Report, rows: &Rows) -> Result<Exit, CommandError> {
    context.done.note(Tally::of_report(report));
    context.progress.expect(0);
    let view = View::stdout(rows.format, &context.terminal);
    let columns = Columns::<Outcome>::choose(rows.columns.as_deref())?;
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &report.outcomes, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    for outcome in &report.outcomes {
        let subject = outcome.row.subject();
        let message = match (&outcome.error, outcome.status) {
            (Some(failure), _) => tell(failure, &subject),
            (None, Status::Refused) => Message::refusal(&subject, &outcome.row.reason),
            _ => continue,
        };
        let text = context.render(&message);
        let _ = io::stderr().write_all(text.as_bytes());
    }
    Ok(exit_of_report(report))
}

/// Keeps the record of a run in the target, and prints its report.
///
/// That the record cannot be kept is told, and takes nothing from what the run has done. A target that
/// cannot be written to, as one that is mounted read-only to restore from, has none.
pub(super) async fn finish(
    context: &Context,
    (target, source): (&Arc<dyn Target>, &SourceName),
    report: &Report,
    rows: &Rows,
) -> Result<Exit, CommandError> {
    let exit = exit_of_report(report);
    finish_as(context, (target, source), (report, exit), rows).await
}

/// The same, where the exit code says more than the report.
pub(super) async fn finish_as(
    context: &Context,
    (target, source): (&Arc<dyn Target>, &SourceName),
    (report, exit): (&Report, Exit),
    rows: &Rows,
) -> Result<Exit, CommandError> {
    record(context, (target, source), report, exit).await;
    write(context, report, rows)?;
    Ok(exit)
}

/// Finishes a run that changes nothing, where its target may not be one yet.
pub(super) async fn rest(
    context: &Context,
    (place, source): (&Place, &SourceName),
    report: &Report,
    rows: &Rows,
) -> Result<Exit, CommandError> {
    match place {
        Place::Target(target) => finish(context, (target, source), report, rows).await,
        Place::Creatable(_) => write(context, report, rows),
    }
}

/// Keeps the record of a run in the target.
pub(super) async fn record(
    context: &Context,
    (target, source): (&Arc<dyn Target>, &SourceName),
    report: &Report,
    exit: Exit,
) {
    let arguments = context.environment.arguments.iter();
    let rows = report.outcomes.iter();
    let record = RunRecord {
        format: RunRecord::FORMAT,
        run: context.run.clone(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        command: arguments.map(|word| without_credentials(word)).collect(),
        begun_at: context.run.begun_at(),
        ended_at: Version::now().timestamp(),
        source: source.clone(),
        exit_code: exit.code(),
        rows: rows
            .filter_map(|outcome| serde_json::to_value(outcome).ok())
            .collect(),
    };
    let (target, source) = (target.clone(), source.clone());
    // A run that was refused before anything of its server was stored has no place.
    let keep = move || {
        if target.has_source(&source)? {
            target.record_run(&source, &record)
        } else {
            Ok(())
        }
    };
    let kept = blocking(keep).await;
    match kept {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_read_only() => tracing::info!(%error, "no record of this run"),
        Ok(Err(error)) => tell_lost(context, &error),
        Err(error) => tell_lost(context, &error),
    }
}

fn tell_lost(context: &Context, error: &(dyn std::error::Error + 'static)) {
    let causes = crate::plan::messages(error).join(": ");
    let text = format!("the record of this run is not kept: {causes}");
    context.progress.warn(&text);
}

/// Tells how far a run is, where what did it does not.
pub(super) fn tell_through(progress: &dyn Progress, report: &Report) {
    for outcome in &report.outcomes {
        if outcome.row.action.changes() {
            outcome.tell(progress);
        }
    }
}

/// The exit code of a dry run: whether the real one would refuse something.
pub(super) fn dry_run_exit(refused: usize, of: usize) -> Exit {
    match refused {
        0 => Exit::Done,
        refused if refused == of => Exit::Failed,
        _ => Exit::Partial,
    }
}

/// What failed, of what, and what to do.
pub(super) fn tell(failure: &Failure, subject: &str) -> Message {
    let mut message = Message::error(failure.error()).about(subject);
    for hint in hints(failure.error()) {
        message = message.hint(&hint);
    }
    message
}
