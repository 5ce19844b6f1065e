//! The records of runs: `SOURCE/runs/RUN.json`.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::files::{make_folder, remove_file, replace_file};
use super::place::{DirectoryTarget, json};
use crate::model::{Liveness, Owner, SourceName};
use crate::target::error::At as _;
use crate::target::{RunRecord, TargetError};

/// The folder of a source's runs. No kind of resource has its name.
const FOLDER: &str = "runs";
/// What the name of a record ends with.
const ENDING: &str = ".json";
/// How large a record may be: a row has some hundred bytes.
const LARGEST: u64 = 32 * 1024 * 1024;

/// Writes the record of a run, whole or not at all.
pub(super) fn record(
    target: &DirectoryTarget,
    source: &SourceName,
    run: &RunRecord,
) -> Result<(), TargetError> {
    let folder = target.source_folder(source).join(FOLDER);
    make_folder(&folder)?;
    clear(&folder)?;
    replace_file(&folder.join(format!("{}{ENDING}", run.run)), &json(run))
}

/// Reads the records of the newest runs, the newest first: their names begin with their time.
pub(super) fn newest(
    target: &DirectoryTarget,
    source: &SourceName,
    most: usize,
) -> Result<Vec<RunRecord>, TargetError> {
    let folder = target.source_folder(source).join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", &folder)?,
    };
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        let name = entry.at("list", &folder)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with('.') && name.ends_with(ENDING) {
            names.push(name);
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    let read = names.iter().filter_map(|name| read(&folder.join(name)));
    Ok(read.take(most).collect())
}

/// Reads a record; nothing where it is none, or larger than any.
fn read(path: &Path) -> Option<RunRecord> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).ok()?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST);
    fits.then(|| serde_json::from_slice(&bytes).ok())?
}

/// Removes what killed processes were writing: each run has a name of its own, so that nobody else
/// would come across it.
fn clear(folder: &Path) -> Result<(), TargetError> {
    for entry in fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let hidden = name.strip_prefix('.');
        let tag = hidden.and_then(|name| Some(name.split_once(&format!("{ENDING}-"))?.1));
        if tag.is_some_and(|tag| Owner::liveness_of_tag(tag) == Liveness::Dead) {
            remove_file(&entry.path()).at("remove", &entry.path())?;
        }
    }
    Ok(())
}
