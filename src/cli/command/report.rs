//! What a command prints when it is through.

use std::io::{self, Write as _};

use crate::cli::args::Rows;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_report, hints};
use crate::plan::{Failure, Outcome, Report, Status};
use crate::ui::{Columns, Message, Output, View, write_rows};

/// Prints a report's rows to stdout and tells its failures on stderr; gives the exit code.
pub(super) fn write(context: &Context, report: &Report, rows: &Rows) -> Result<Exit, CommandError> {
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
