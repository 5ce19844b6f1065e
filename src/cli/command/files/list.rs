//! `files list`.

use std::io;

use super::source::Source;
use crate::archive::MemberKind;
use crate::cli::args::ListFiles;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::files::Depth;
use crate::model::Kind;
use crate::ui::{Columns, FileRow, Output, PartitionRow, View, write_rows};

/// What was listed.
enum Listed {
    Files(Vec<FileRow>),
    Partitions(Vec<PartitionRow>),
}

/// Lists what a stored version holds.
pub(super) async fn list(
    context: &Context,
    args: ListFiles,
    kind: Kind,
) -> Result<Exit, CommandError> {
    let chosen = args.rows.columns.as_deref();
    let columns = Columns::<FileRow>::choose(chosen);
    let of_partitions = Columns::<PartitionRow>::choose(chosen);
    // Which of the two it is, only the version says.
    if of_partitions.is_err() {
        columns.as_ref().map_err(Clone::clone)?;
    }
    let source = Source::find(context, (&args.file, &(&args.answers).into()), kind).await?;
    let id = source.version(&args.file)?.id.clone();
    let (root, recursive) = (source.path.clone(), args.recursive);
    let which = (&id, args.file.snapshot.as_deref());
    let listed = source.with_reader(context, which, move |reader, place| {
        if place.is_disk() && root.name().is_none() && !recursive {
            let partitions = reader.partitions(place)?;
            return Ok(Listed::Partitions(
                partitions.iter().map(PartitionRow::of).collect(),
            ));
        }
        let depth = if recursive {
            Depth::All
        } else {
            Depth::Children
        };
        let mut rows = Vec::new();
        let mut itself = None;
        reader.members((place, &root, depth), &mut |member| {
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
        Ok(Listed::Files(rows))
    });
    let listed = listed.await?;
    let view = View::stdout(args.rows.format, &context.terminal);
    let mut out = Output::new(io::stdout());
    let written = match listed {
        Listed::Files(rows) => write_rows(&mut out, &rows, &columns?, &view),
        Listed::Partitions(rows) => write_rows(&mut out, &rows, &of_partitions?, &view),
    };
    written.map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}
