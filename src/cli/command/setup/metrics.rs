//! `metrics`.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::cli::args::{LockWait, Metrics, TargetChoice};
use crate::cli::context::{Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::metrics::render;
use crate::model::Version;
use crate::target::{Filter, TargetError};
use crate::ui::Output;

/// Who reads metrics is another user.
const MODE: u32 = 0o644;
/// For how many seconds a lock is waited for.
const PATIENCE: u64 = 10;

/// Writes metrics of what a target holds.
pub(in crate::cli) async fn metrics(
    context: &Context,
    args: Metrics,
) -> Result<Exit, CommandError> {
    let choice = TargetChoice {
        target: args.target,
        locks: LockWait {
            lock_timeout: PATIENCE,
        },
        unlock: false,
    };
    let target = context.target(&choice, &(&args.answers).into()).await?;
    let filter = Filter {
        source: args.source.from,
        ..Filter::default()
    };
    let read = move || Ok::<_, TargetError>((target.versions(&filter)?, target.free_space()?));
    let (stored, free) = blocking(read).await??;
    let text = render(&stored, free, Version::now().timestamp());
    let written = match &args.output {
        Some(path) => replace(path, &text),
        None => print(&text),
    };
    written.map_err(CommandError::Output)?;
    Ok(Exit::Done)
}

fn print(text: &str) -> io::Result<()> {
    let mut out = Output::new(io::stdout());
    out.write_all(text.as_bytes())?;
    out.finish()
}

/// Puts a file in the place of another, or there is the old one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    // The collector reads `*.prom`, so never this one.
    let mut file = tempfile::Builder::new()
        .prefix(".incus-backup-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(Permissions::from_mode(MODE))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
