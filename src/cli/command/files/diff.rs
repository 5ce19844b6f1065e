//! `files diff`.

use std::collections::BTreeMap;
use std::io;

use super::source::Source;
use crate::archive::Member;
use crate::cli::args::DiffFiles;
use crate::cli::command::show::pick;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::files::{Depth, FilePath, FilesError, compare};
use crate::model::Kind;
use crate::target::{State, Stored, StoredId};
use crate::ui::{Columns, DifferenceRow, Output, View, write_rows};

/// Shows which files differ between two stored versions.
pub(super) async fn diff(
    context: &Context,
    args: DiffFiles,
    kind: Kind,
) -> Result<Exit, CommandError> {
    let columns = Columns::<DifferenceRow>::choose(args.rows.columns.as_deref())?;
    let source = Source::find(context, (&args.file, &(&args.answers).into()), kind).await?;
    let later = pick(&source.name, args.with, &source.stored)?;
    let earlier = match args.file.version {
        Some(_) => source.version(&args.file)?,
        None => before(&source, later)?,
    };
    let (earlier, later) = (earlier.id.clone(), later.id.clone());
    let first = members(context, &source, &args, &earlier).await?;
    let second = members(context, &source, &args, &later).await?;
    let rows: Vec<DifferenceRow> = compare(&first, &second)
        .iter()
        .map(DifferenceRow::of)
        .collect();
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}

/// The newest complete version before another.
fn before<'a>(source: &'a Source, later: &Stored) -> Result<&'a Stored, CommandError> {
    let earlier = source
        .stored
        .iter()
        .filter(|stored| stored.state == State::Complete && stored.id.version < later.id.version);
    earlier
        .max_by_key(|stored| stored.id.version)
        .ok_or_else(|| {
            CommandError::NoVersion(format!(
                "the target holds no version of `{}` before {}",
                source.name, later.id.version
            ))
        })
}

async fn members(
    context: &Context,
    source: &Source,
    args: &DiffFiles,
    id: &StoredId,
) -> Result<BTreeMap<FilePath, Member>, CommandError> {
    let root = source.path.clone();
    let which = (id, args.file.snapshot.as_deref());
    source
        .with_reader(context, which, move |reader, place| {
            let mut members = BTreeMap::new();
            let looked = reader.members((place, &root, Depth::All), &mut |member| {
                let path = place.path_of(&member.path);
                if let Some(path) = path.filter(|path| path.is_in(&root)) {
                    members.insert(path, member);
                }
                Ok(())
            });
            match looked {
                // It came or went between the two.
                Err(FilesError::Nothing(_)) => {}
                looked => looked?,
            }
            Ok(members)
        })
        .await
}
