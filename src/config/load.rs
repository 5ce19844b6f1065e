//! Reads a stored configuration, and checks it before anything of it is used.

use std::io::Read as _;
use std::sync::Arc;

use serde_json::Value;

use super::create::SURROUNDINGS;
use super::document::{Document, Section, parse};
use super::error::{ConfigError, Damage};
use super::legacy;
use crate::model::{ObjectKind, Sha256};
use crate::target::{ConfigFile, Opened, StoredId, Target};

/// How large a file of a configuration may be.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Reads a stored configuration whole: every file is there, is what was written, and parses, or
/// nothing of it is given.
pub async fn load(target: Arc<dyn Target>, id: StoredId) -> Result<Document, ConfigError> {
    tokio::task::spawn_blocking(move || read(&*target, &id))
        .await
        .map_err(|_| ConfigError::Worker)?
}

fn read(target: &dyn Target, id: &StoredId) -> Result<Document, ConfigError> {
    let opened = target.open(id)?;
    opened.unlock()?;
    let facts = opened
        .manifest()
        .config
        .clone()
        .ok_or(ConfigError::NotConfig(id.version))?;
    let mut document = Document::default();
    for file in &facts.files {
        let damaged = |cause| ConfigError::Damaged {
            version: id.version,
            file: file.file.clone(),
            cause,
        };
        let bytes = contents(&*opened, file).map_err(damaged)?;
        if file.file == SURROUNDINGS {
            let parsed = serde_json::from_slice::<Value>(&bytes);
            document.surroundings = parsed.map_err(|error| damaged(shape(error)))?;
            continue;
        }
        // A kind of a later program is none of ours.
        let Ok(kind) = file.kind.parse::<ObjectKind>() else {
            continue;
        };
        let section = if opened.manifest().is_legacy() {
            legacy::parse(kind, &bytes).map(Section::Part)
        } else {
            parse(kind, &bytes).map(Section::Objects)
        };
        let section = section.map_err(|error| damaged(error.into()))?;
        document.sections.insert(kind, section);
    }
    for unreadable in facts.unreadable {
        if let Ok(kind) = unreadable.kind.parse() {
            let section = Section::Unreadable(unreadable.reason);
            document.sections.entry(kind).or_insert(section);
        }
    }
    Ok(document)
}

fn shape(error: serde_json::Error) -> Damage {
    Damage::Document(error.into())
}

fn contents(opened: &dyn Opened, file: &ConfigFile) -> Result<Vec<u8>, Damage> {
    let unread = |error| Damage::Read(std::io::Error::other(error));
    let stored = read_all(opened.stored(&file.file).map_err(unread)?)?;
    if Sha256::of(&stored) != file.sha256 {
        return Err(Damage::Digest);
    }
    let held = opened.decrypted(&file.file, Box::new(&*stored));
    read_all(held.map_err(unread)?)
}

fn read_all(file: impl std::io::Read) -> Result<Vec<u8>, Damage> {
    let mut bytes = Vec::new();
    file.take(LIMIT)
        .read_to_end(&mut bytes)
        .map_err(Damage::Read)?;
    Ok(bytes)
}
