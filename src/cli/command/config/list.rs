//! `list`.

use std::io;

use super::super::list::row;
use super::choose::versions;
use crate::cli::args::ConfigList;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::ui::{Columns, Output, VersionRow, View, write_rows};

/// Lists stored versions.
pub(in crate::cli) async fn list(
    context: &Context,
    args: ConfigList,
) -> Result<Exit, CommandError> {
    let columns = Columns::<VersionRow>::choose(args.rows.columns.as_deref())?;
    let target = context
        .target(&args.target, &(&args.answers).into())
        .await?;
    let (remote, from) = (args.remote.as_ref(), args.source.from.as_ref());
    let stored = versions(context, &target, remote, from).await?;
    let rows: Vec<VersionRow> = stored.iter().map(row).collect();
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}
