//! `metrics`.

use super::super::written::{print, replace};
use crate::cli::args::{LockWait, Metrics, TargetChoice};
use crate::cli::context::{Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::metrics::render;
use crate::model::Version;
use crate::target::{Filter, TargetError};

/// Who reads metrics is another user.
const MODE: u32 = 0o644;
/// For how many seconds a lock is waited for.
const PATIENCE: u64 = 10;

/// Writes metrics of what a target holds.
pub(in crate::cli) async fn metrics(
    context: &Context,
    args: Metrics,
) -> Result<Exit, CommandError> {
    let choice = TargetChoice::plain(
        args.target,
        LockWait {
            lock_timeout: PATIENCE,
        },
        false,
    );
    let target = context.target(&choice, &(&args.answers).into()).await?;
    let filter = Filter {
        source: args.source.from,
        ..Filter::default()
    };
    let read = move || Ok::<_, TargetError>((target.versions(&filter)?, target.free_space()?));
    let (stored, free) = blocking(read).await??;
    let text = render(&stored, free, Version::now().timestamp());
    let written = match &args.output {
        Some(path) => replace(path, &text, MODE),
        None => print(&text),
    };
    written.map_err(CommandError::Output)?;
    Ok(Exit::Done)
}
