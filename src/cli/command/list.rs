//! `list`.

use std::io;

use super::source::{choose, versions};
use crate::cli::args::List;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::model::{CheckLevel, Kind};
use crate::target::{State, Stored};
use crate::ui::{Columns, Output, VersionRow, VersionState, View, write_rows};

/// Lists stored versions.
pub(in crate::cli) async fn list(
    context: &Context,
    args: List,
    kind: Kind,
) -> Result<Exit, CommandError> {
    let columns = Columns::<VersionRow>::choose(args.rows.columns.as_deref())?;
    let target = context
        .target(&args.target, &(&args.answers).into())
        .await?;
    let choice = choose(context, &args.names, args.source.from.as_ref()).await?;
    let stored = versions(&target, &choice, kind, args.project.as_ref()).await?;
    // Each manifest goes as soon as its row is there.
    let rows: Vec<VersionRow> = stored.into_iter().map(|stored| row(&stored)).collect();
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}

/// A stored version as a row.
pub(in crate::cli::command) fn row(stored: &Stored) -> VersionRow {
    let resource = &stored.id.resource;
    let manifest = stored.manifest.as_ref();
    let check = stored.checks.latest(CheckLevel::Quick);
    VersionRow {
        protected: stored.protected,
        verified: check.map(|check| check.level),
        verified_at: check.map(|check| check.at),
        problem: stored.checks.problem().map(str::to_owned),
        encryption: manifest.and_then(|manifest| manifest.encryption.clone()),
        source: stored.id.source.clone(),
        kind: resource.kind(),
        project: resource.project().cloned(),
        pool: resource.pool().cloned(),
        name: resource.name().cloned(),
        version: stored.id.version,
        created_at: stored.id.version.timestamp(),
        // What the earlier tool left is not measured.
        size: manifest.map(|_| stored.size).filter(|size| size.0 > 0),
        stored_size: manifest.map(|_| stored.stored_size),
        consistency: manifest.map(|manifest| manifest.consistency),
        state: match stored.state {
            State::Complete => VersionState::Complete,
            State::Damaged => VersionState::Damaged,
            State::Incomplete => VersionState::Incomplete,
        },
    }
}
