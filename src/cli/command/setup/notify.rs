//! `notify`.

use std::io;

use crate::cli::args::Notify;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::notified::test;
use crate::settings::Settings;
use crate::ui::{Columns, Output, ToldRow, View, write_rows};

/// Sends a test message to everybody who is told of runs.
pub(in crate::cli) async fn notify(context: &Context, args: Notify) -> Result<Exit, CommandError> {
    let columns = Columns::<ToldRow>::choose(args.rows.columns.as_deref())?;
    let folder = context.environment.incus.config_folder();
    let mut all = Settings::load(folder.as_deref())?.notifications;
    if let Some(name) = args.names.iter().find(|name| !all.contains_key(*name)) {
        let text = format!("`backup.yml` has no notification `{name}`");
        return Err(CommandError::Usage(text));
    }
    if !args.names.is_empty() {
        all.retain(|name, _| args.names.contains(name));
    }
    if all.is_empty() {
        let text = "`backup.yml` names nobody who is told of runs: it has no `notifications`";
        return Err(CommandError::Usage(text.to_owned()));
    }
    let telling = async { Ok(test(context, &all).await) };
    let told = context.unless_cancelled(telling).await?;
    let rows: Vec<ToldRow> = told.iter().map(ToldRow::of).collect();
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(if rows.iter().all(|row| row.sent) {
        Exit::Done
    } else {
        Exit::Failed
    })
}
