//! The records of runs: `SOURCE/runs/RUN.json`.

use std::fs;
use std::path::Path;

use super::files::{make_folder, remove_file, replace_file};
use super::place::{DirectoryTarget, json};
use crate::model::{Liveness, Owner, SourceName};
use crate::target::error::At as _;
use crate::target::{RunRecord, TargetError};

/// The folder of a source's runs. No kind of resource has its name.
const FOLDER: &str = "runs";
/// What the name of a record ends with.
const ENDING: &str = ".json";

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
