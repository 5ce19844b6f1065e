//! `list --runs`.

use std::io;

use super::super::source::{choose, sources};
use crate::cli::args::List;
use crate::cli::context::{Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::target::TargetError;
use crate::ui::{Columns, Output, RunRow, View, write_rows};

/// How many are listed of each server.
const NEWEST: usize = 50;

/// Lists what the newest runs were asked and did, the newest of them first.
pub(in crate::cli::command) async fn runs(
    context: &Context,
    args: List,
) -> Result<Exit, CommandError> {
    let columns = Columns::<RunRow>::choose(args.rows.columns.as_deref())?;
    let choice = choose(context, &args.names, args.source.from.as_ref()).await?;
    if !choice.named.names.is_empty() {
        let text = "a run is of a whole server: write `REMOTE:`, or no name".to_owned();
        return Err(CommandError::Usage(text));
    }
    let target = context
        .target(&args.target, &(&args.answers).into())
        .await?;
    // A name that is mistyped must not pass for one of which nothing was done.
    if let Some(source) = &choice.source {
        sources(&target, source).await?;
    }
    let read = move || {
        let sources = match choice.source {
            Some(source) => vec![source],
            None => target.sources()?,
        };
        let mut records = Vec::new();
        for source in &sources {
            records.extend(target.runs(source, NEWEST)?);
        }
        Ok::<_, TargetError>(records)
    };
    let mut records = blocking(read).await??;
    records.sort_by_key(|record| std::cmp::Reverse(record.begun_at));
    let rows: Vec<RunRow> = records.iter().map(RunRow::of).collect();
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}
