//! A version that is being written.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::Digest as _;

use super::bundle;
use super::feed::{Feed, Label, store};
use super::lock::{claim, claim_own, copy_alone, shared};
use super::repository::ResticTarget;
use super::shared::Inner;
use super::tags::{DATA, MANIFEST, Tags, data_name, manifest_name, pack};
use crate::model::{Bytes, Checks, ResourceId, RunId, Sha256, SourceName, Version};
use crate::target::checksums::is_file_name;
use crate::target::flock::Lock;
use crate::target::{
    Checksums, Draft, DraftFile, Manifest, State, Stored, StoredId, TargetError, Written,
};

/// The files of data that are stored: the checksum of each, and the snapshot that holds it. An empty
/// one has none: restic makes no snapshot of nothing.
type Finished = Arc<Mutex<BTreeMap<String, (Sha256, Option<String>)>>>;

struct ResticDraft {
    inner: Arc<Inner>,
    /// It keeps its second, or is no version.
    is_copy: bool,
    id: StoredId,
    /// What joins its parts.
    draft: String,
    described: BTreeMap<String, Vec<u8>>,
    finished: Finished,
    committed: bool,
    _lock: Lock,
}

/// Begins a version.
pub(super) fn begin(
    target: &ResticTarget,
    source: &SourceName,
    resource: &ResourceId,
    version: Version,
) -> Result<Box<dyn Draft>, TargetError> {
    Ok(Box::new(draft(target, source, resource, version)?))
}

/// Begins a version that keeps its second.
pub(super) fn begin_copy(
    target: &ResticTarget,
    id: &StoredId,
) -> Result<Box<dyn Draft>, TargetError> {
    copy_alone(&target.inner)?;
    let mut draft = draft(target, &id.source, &id.resource, id.version)?;
    draft.is_copy = true;
    Ok(Box::new(draft))
}

fn draft(
    target: &ResticTarget,
    source: &SourceName,
    resource: &ResourceId,
    version: Version,
) -> Result<ResticDraft, TargetError> {
    let inner = target.inner.clone();
    let lock = shared(&inner, source, resource)?;
    match inner.clear(source, Some(resource)) {
        // It goes another time: whoever only adds need not wait for those who read or add too.
        Err(error) if error.is_locked() || error.is_append_only() => {
            tracing::debug!(%error, "data of an unfinished version stays");
        }
        cleared => {
            cleared?;
        }
    }
    Ok(ResticDraft {
        inner,
        is_copy: false,
        id: StoredId {
            source: source.clone(),
            resource: resource.clone(),
            version,
        },
        draft: RunId::begin().short().to_owned(),
        described: BTreeMap::new(),
        finished: Finished::default(),
        committed: false,
        _lock: lock,
    })
}

impl ResticDraft {
    fn label(&self, name: String, part: &str) -> Label {
        let mut tags = Tags::of_part(&self.id, part);
        tags.set("run", self.inner.owner.run());
        tags.set("draft", &self.draft);
        Label {
            name,
            source: self.id.source.clone(),
            version: self.id.version,
            tags,
        }
    }

    fn data_label(&self, file: &str) -> Label {
        let mut label = self.label(data_name(&self.id.resource, file), DATA);
        label.tags.set("file", file);
        label.tags.set("owner", &self.inner.owner.to_string());
        label
    }

    fn finished(&self) -> BTreeMap<String, (Sha256, Option<String>)> {
        self.finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ResticDraft {
    /// The small files, with the checksums of all files, and the manifest as the last of them.
    fn bundle(&self, manifest: &[u8]) -> io::Result<Vec<u8>> {
        let mut checksums = Checksums::default();
        let mut files: Vec<(&str, &[u8])> = Vec::new();
        let finished = self.finished();
        for (name, (sha256, snapshot)) in &finished {
            checksums.0.insert(name.clone(), *sha256);
            if snapshot.is_none() {
                files.push((name, &[]));
            }
        }
        for (name, bytes) in &self.described {
            checksums.0.insert(name.clone(), Sha256::of(bytes));
            files.push((name, bytes));
        }
        let checksums = checksums.to_string();
        files.push(("checksums.txt", checksums.as_bytes()));
        files.push(("manifest.json", manifest));
        bundle::write(files, self.id.version)
    }
}

impl Draft for ResticDraft {
    fn create(&mut self, file: &str) -> Result<Box<dyn DraftFile>, TargetError> {
        if !is_file_name(file) {
            return Err(TargetError::FileName(file.to_owned()));
        }
        Ok(Box::new(ResticFile {
            inner: self.inner.clone(),
            label: self.data_label(file),
            file: file.to_owned(),
            feed: None,
            hasher: sha2::Sha256::new(),
            size: 0,
            finished: self.finished.clone(),
        }))
    }

    fn describe(&mut self, file: &str, content: &[u8]) -> Result<Written, TargetError> {
        if !is_file_name(file) {
            return Err(TargetError::FileName(file.to_owned()));
        }
        self.described.insert(file.to_owned(), content.to_vec());
        Ok(Written {
            size: Bytes(content.len() as u64),
            sha256: Sha256::of(content),
        })
    }

    fn share(
        &mut self,
        _of: &StoredId,
        file: &str,
        _sha256: Sha256,
    ) -> Result<Option<Written>, TargetError> {
        if !is_file_name(file) {
            return Err(TargetError::FileName(file.to_owned()));
        }
        // restic stores the same bytes once by itself, wherever they come from.
        Ok(None)
    }

    fn commit(mut self: Box<Self>, manifest: Manifest) -> Result<Stored, TargetError> {
        let mut manifest = manifest;
        let mut id = self.id.clone();
        if self.is_copy {
            if !claim_own(&self.inner, &id)? {
                return Err(TargetError::Taken(Box::new(id)));
            }
        } else {
            let catalog = self.inner.recent()?;
            id.version = claim(&self.inner, &self.id, |version| {
                let id = StoredId {
                    version,
                    ..self.id.clone()
                };
                catalog.versions.contains_key(&id)
            })?;
        }
        self.id.version = id.version;
        manifest.version = id.version;
        let wrong = |cause| TargetError::Manifest {
            path: PathBuf::from("manifest.json"),
            cause,
        };
        let text = manifest.render().map_err(wrong)?;
        let bytes = self.bundle(&text).map_err(|cause| TargetError::Io {
            action: "write",
            path: PathBuf::from("manifest.json"),
            cause,
        })?;
        let mut label = self.label(manifest_name(&id.resource), MANIFEST);
        // Whoever is killed in the middle ends restic's input: what is shorter is no manifest.
        label.tags.set("size", &bytes.len().to_string());
        if let Some(packed) = pack(&manifest) {
            label.tags.set("manifest", &packed);
        }
        let made = store(&self.inner.restic, &label, &bytes);
        self.committed = true;
        self.inner.forget_listing();
        if let Err(error) = made {
            // It may have been made all the same. Then the version is there, and needs its data.
            let catalog = self.inner.catalog();
            self.committed = catalog.map_or(true, |it| it.versions.contains_key(&id));
            return Err(error);
        }
        Ok(stored(id, manifest))
    }
}

/// What was committed, as it is listed.
fn stored(id: StoredId, manifest: Manifest) -> Stored {
    let (mut size, mut stored_size) = (Bytes(0), Bytes(0));
    for file in manifest.data_files() {
        size += file.size;
        stored_size += file.stored_size;
    }
    for part in manifest.config.iter().flat_map(|config| &config.files) {
        size += part.size;
        stored_size += part.size;
    }
    Stored {
        id,
        size,
        stored_size,
        state: State::Complete,
        protected: false,
        legacy: false,
        checks: Checks::default(),
        manifest: Some(Box::new(manifest)),
    }
}

impl Drop for ResticDraft {
    fn drop(&mut self) {
        if !self.committed {
            let finished = self.finished().into_values();
            let snapshots: Vec<String> = finished.filter_map(|(_, snapshot)| snapshot).collect();
            // What cannot be removed now is removed by the next run.
            if let Err(error) = self.inner.forget(&snapshots) {
                tracing::debug!(%error, "data of an unfinished version stays");
            }
        }
    }
}

/// A file of data. restic is started with its first byte.
struct ResticFile {
    inner: Arc<Inner>,
    label: Label,
    file: String,
    feed: Option<Feed>,
    hasher: sha2::Sha256,
    size: u64,
    finished: Finished,
}

impl ResticFile {
    fn feed(&mut self) -> Result<&mut Feed, TargetError> {
        let feed = match self.feed.take() {
            Some(feed) => feed,
            None => Feed::start(&self.inner.restic, &self.label)?,
        };
        Ok(self.feed.insert(feed))
    }
}

impl Write for ResticFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let count = self.feed().map_err(io::Error::other)?.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DraftFile for ResticFile {
    fn finish(mut self: Box<Self>) -> Result<Written, TargetError> {
        let made = self.feed.take().map(|feed| feed.finish(&self.inner.restic));
        let snapshot = made.transpose()?.map(|made| made.snapshot_id);
        let sha256 = Sha256(self.hasher.finalize().into());
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.insert(self.file, (sha256, snapshot));
        Ok(Written {
            size: Bytes(self.size),
            sha256,
        })
    }
}
