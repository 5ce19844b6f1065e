//! `files get`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::source::Source;
use crate::cli::args::GetFiles;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::files::{self, Existing, FilePath, Ownership};
use crate::model::Kind;

/// Takes files out of a stored version.
pub(super) async fn get(
    context: &Context,
    args: GetFiles,
    kind: Kind,
) -> Result<Exit, CommandError> {
    let source = Source::find(context, (&args.file, &(&args.answers).into()), kind).await?;
    let id = source.version(&args.file)?.id.clone();
    let which = (&id, args.file.snapshot.as_deref());
    let path = source.path.clone();
    if args.to == Path::new("-") {
        let write = source.with_reader(context, which, move |reader, place| {
            files::write_out(reader, (place, &path), io::stdout())
        });
        write.await?;
        return Ok(Exit::Done);
    }
    let to = destination(&args.to, &path, &source.name);
    let ownership = if context.environment.root && !args.no_same_owner {
        Ownership::Kept
    } else {
        Ownership::Own
    };
    let existing = if args.force {
        Existing::Replaced
    } else {
        Existing::Stays
    };
    let extract = source.with_reader(context, which, move |reader, place| {
        files::extract(reader, (place, &path), &to, (ownership, existing))
    });
    let extracted = extract.await?;
    if !extracted.skipped.is_empty() {
        let names: Vec<String> = extracted.skipped.iter().map(ToString::to_string).collect();
        let text = format!("devices and pipes are left out: {}", names.join(", "));
        context.progress.warn(&text);
    }
    Ok(Exit::Done)
}

/// Where it comes to be: in a directory that is there, or under the name that was given.
fn destination(to: &Path, path: &FilePath, name: &str) -> PathBuf {
    if !to.is_dir() {
        return to.to_owned();
    }
    // The root has the name of what it is the root of.
    let of_root = name.rsplit([':', '/']).next().unwrap_or(name);
    to.join(path.name().map_or(OsStr::new(of_root), OsStr::from_bytes))
}
