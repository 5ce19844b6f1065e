//! `files list`.

use std::io;

use super::source::Source;
use crate::archive::MemberKind;
use crate::cli::args::ListFiles;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::model::Kind;
use crate::ui::{Columns, FileRow, Output, View, write_rows};

/// Lists what a stored version holds.
pub(super) async fn list(
    context: &Context,
    args: ListFiles,
    kind: Kind,
) -> Result<Exit, CommandError> {
    let columns = Columns::<FileRow>::choose(args.rows.columns.as_deref())?;
    let source = Source::find(context, (&args.file, &(&args.answers).into()), kind).await?;
    let id = source.version(&args.file)?.id.clone();
    let (root, recursive) = (source.path.clone(), args.recursive);
    let which = (&id, args.file.snapshot.as_deref());
    let rows = source.with_reader(context, which, move |reader, place| {
        let mut rows = Vec::new();
        let mut itself = None;
        reader.members(&mut |member| {
            let Some(path) = place.path_of(&member.path) else {
                return Ok(());
            };
            let Some(below) = path.below(&root) else {
                return Ok(());
            };
            match below.parts().len() {
                0 => itself = Some((member.kind, FileRow::of(place, &path, &member))),
                1 => rows.push(FileRow::of(place, &path, &member)),
                _ if recursive => rows.push(FileRow::of(place, &path, &member)),
                _ => {}
            }
            Ok(())
        })?;
        match itself {
            Some((MemberKind::Directory, _)) => {}
            // What is no directory is listed itself.
            Some((_, row)) => rows.push(row),
            None if rows.is_empty() => return Err(reader.nothing(place, &root)),
            None => {}
        }
        rows.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(rows)
    });
    let rows = rows.await?;
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    write_rows(&mut out, &rows, &columns, &view).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}
