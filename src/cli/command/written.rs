//! Results that are one text, on standard output or in a file.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::ui::Output;

/// Prints a text.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = Output::new(io::stdout());
    out.write_all(text.as_bytes())?;
    out.finish()
}

/// Puts a file in the place of another, or there is the old one.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    // The collector of metrics reads `*.prom`, so never this one.
    let mut file = tempfile::Builder::new()
        .prefix(".incus-backup-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
