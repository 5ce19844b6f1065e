//! `list`.

use std::io;

use super::super::list::row;
use super::super::source::chosen;
use super::protection::unprotected;
use super::runs::runs;
use crate::cli::args::{Chosen, ListAll};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::ui::{Columns, Output, VersionRow, View, write_rows};

/// Lists stored versions of every kind, or what has no recent one.
pub(in crate::cli) async fn list(context: &Context, args: ListAll) -> Result<Exit, CommandError> {
    if args.unprotected {
        return unprotected(context, args).await;
    }
    if args.runs {
        return runs(context, args.list).await;
    }
    let args = args.list;
    let columns = Columns::<VersionRow>::choose(args.rows.columns.as_deref())?;
    let target = context
        .target(&args.target, &(&args.answers).into())
        .await?;
    let wanted = Chosen {
        names: args.names,
        kind: None,
        project: args.project,
        source: args.source,
    };
    let stored = chosen(context, &target, &wanted).await?;
    let rows: Vec<VersionRow> = stored.iter().map(row).collect();
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}
