//! Whether what a target keeps its versions in is whole: the first part of `verify`.

use std::io::{self, Write as _};
use std::sync::Arc;

use crate::cli::context::{Context, blocking};
use crate::cli::failure::CommandError;
use crate::target::{Depth, Target};
use crate::ui::Message;

/// Whether what the target keeps its versions in is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// It is, as far as was looked.
    Good,
    /// It is not, which was told.
    Damaged,
}

/// Has the target check what it keeps its versions in, and tells what is wrong with it.
pub(super) async fn check(
    context: &Context,
    target: &Arc<dyn Target>,
    subset: Option<String>,
) -> Result<Whole, CommandError> {
    let depth = subset.map_or(Depth::Structure, Depth::Subset);
    let (checked, location) = (target.clone(), target.location());
    // It stops by itself when that is asked for, and leaves nothing running.
    let damage = blocking(move || checked.check(&depth)).await??;
    let Some(damage) = damage else {
        return Ok(Whole::Good);
    };
    let error = format!("`{location}` is damaged: {damage}");
    context.done.note_error(error);
    let message = Message::refusal(&location.to_string(), &format!("it is damaged: {damage}"));
    let message = message.hint(
        "see https://restic.readthedocs.io/en/stable/077_troubleshooting.html before anything else",
    );
    let _ = io::stderr().write_all(context.render(&message).as_bytes());
    Ok(Whole::Damaged)
}
