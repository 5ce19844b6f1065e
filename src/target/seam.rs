//! The seam between operations and storage.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::error::At as _;
use super::{Location, Manifest, RunRecord, TargetError};
use crate::model::{Bytes, Check, Checks, Kind, ResourceId, Sha256, SourceName, Version};

/// A place that holds versions. Everything blocks.
pub trait Target: Send + Sync + fmt::Debug {
    /// Where it is, as users write it.
    fn location(&self) -> Location;

    /// How much more can be written to it, where that can be told.
    fn free_space(&self) -> Result<Option<Bytes>, TargetError>;

    /// The servers that it holds backups of.
    fn sources(&self) -> Result<Vec<SourceName>, TargetError>;

    /// Whether it has a place for a server: something was stored of it, or is to be.
    fn has_source(&self, name: &SourceName) -> Result<bool, TargetError> {
        Ok(self.sources()?.contains(name))
    }

    /// Which server a source is; nothing where the target does not say.
    fn source(&self, name: &SourceName) -> Result<Option<SourceFacts>, TargetError>;

    /// Prepares the place of a server, or checks that it is that server's.
    fn enter_source(&self, source: &SourceFacts) -> Result<(), TargetError>;

    /// The versions that fit, by source, resource and version.
    fn versions(&self, filter: &Filter) -> Result<Vec<Stored>, TargetError>;

    /// Begins a version, after clearing what dead processes left of the resource. The version may
    /// become a later one, if another run takes it first.
    fn begin(
        &self,
        source: &SourceName,
        resource: &ResourceId,
        version: Version,
    ) -> Result<Box<dyn Draft>, TargetError>;

    /// Begins the copy of a version of another target, which is to be this very version: where it is
    /// there by then, the draft is not committed, and fails with [`TargetError::Taken`].
    fn begin_copy(&self, id: &StoredId) -> Result<Box<dyn Draft>, TargetError>;

    /// Opens a version for reading.
    fn open(&self, id: &StoredId) -> Result<Box<dyn Opened>, TargetError>;

    /// Protects a version, or takes that back. A protected one is never deleted.
    fn protect(&self, id: &StoredId, protection: Protection) -> Result<(), TargetError>;

    /// Records how versions were checked; the versions themselves do not change. Gives those of which
    /// it could not be recorded.
    fn record(&self, checks: &[(StoredId, Check)]) -> Vec<(StoredId, TargetError)>;

    /// Checks what the target itself keeps the versions in, where it can be damaged apart from them.
    ///
    /// `Ok` with a text is an answer: that is damaged.
    fn check(&self, depth: &Depth) -> Result<Option<String>, TargetError> {
        match depth {
            Depth::Structure => Ok(None),
            Depth::Subset(_) => Err(TargetError::NoSubset),
        }
    }

    /// Deletes versions at once, where that is cheaper than one after the other: for each what
    /// [`lock`](Self::lock) and [`delete`](ExclusiveLock::delete) would give. Nothing where it is not.
    fn delete_together(&self, doomed: &[Doomed]) -> Option<Vec<Result<(), TargetError>>> {
        let _ = doomed;
        None
    }

    /// Keeps the record of a run beside what it is about: whole, or not at all.
    ///
    /// The source must have been entered. Nothing of what is stored depends on it.
    fn record_run(&self, source: &SourceName, run: &RunRecord) -> Result<(), TargetError>;

    /// The records of the newest runs that are about a source, the newest of them first: at most so
    /// many. What cannot be read is left out, and so may be what a row did where it went well.
    fn runs(&self, source: &SourceName, most: usize) -> Result<Vec<RunRecord>, TargetError> {
        let _ = (source, most);
        Ok(Vec::new())
    }

    /// Removes what ended processes left of the resources of a source, and nothing that a living one
    /// owns; gives how many such leftovers there were.
    fn clear(&self, source: &SourceName) -> Result<u64, TargetError>;

    /// How much ended processes left of the resources of a source: what [`clear`](Self::clear) would
    /// remove.
    fn left_over(&self, source: &SourceName) -> Result<u64, TargetError> {
        let _ = source;
        Ok(0)
    }

    /// Takes a resource for this process alone, waiting a while for others.
    fn lock(
        &self,
        source: &SourceName,
        resource: &ResourceId,
    ) -> Result<Box<dyn ExclusiveLock>, TargetError>;
}

/// A version that is being written. Dropped without [`commit`](Self::commit) it never was.
pub trait Draft: Send {
    /// Begins a file of data, of whatever size.
    fn create(&mut self, file: &str) -> Result<Box<dyn DraftFile>, TargetError>;

    /// Whether any part of its files can later be read without the rest
    /// ([`Opened::seekable`]), and two of them be written at a time.
    fn is_seekable(&self) -> bool {
        false
    }

    /// Whether what is written is encrypted on its way, so that what becomes of a file ([`Written`]) is not
    /// what was written. A file whose name says that it is encrypted already is stored as it is.
    fn encrypts(&self) -> bool {
        false
    }

    /// Adds a file that describes what the version is of. Such a file fits into memory; a target may
    /// keep it together with the manifest.
    fn describe(&mut self, file: &str, content: &[u8]) -> Result<Written, TargetError> {
        let mut open = self.create(file)?;
        open.write_all(content).at("write", Path::new(file))?;
        open.finish()
    }

    /// Takes a file of another version as a file of the same name of this one, so that its bytes are
    /// stored once.
    ///
    /// The bytes are read first, and must have this checksum. From then on each version has the file
    /// as its own: whichever is deleted first, the other stays whole, and a draft that is dropped
    /// leaves the other as it was. `None`, with nothing changed, where the file cannot be shared: it
    /// is gone, being deleted or damaged, or the storage cannot do that. The caller then stores it
    /// again.
    fn share(
        &mut self,
        of: &StoredId,
        file: &str,
        sha256: Sha256,
    ) -> Result<Option<Written>, TargetError> {
        let _ = (of, file, sha256);
        Ok(None)
    }

    /// Writes checksums and manifest, and makes the version appear.
    fn commit(self: Box<Self>, manifest: Manifest) -> Result<Stored, TargetError>;
}

/// A file of a draft.
pub trait DraftFile: Write + Send {
    /// Makes the file durable and tells what was written.
    fn finish(self: Box<Self>) -> Result<Written, TargetError>;
}

/// What can be read from any place on.
pub trait Seekable: Read + Seek + Send {}

impl<T: Read + Seek + Send> Seekable for T {}

/// A version that is being read; it cannot be deleted meanwhile.
pub trait Opened: Send {
    /// Its manifest.
    fn manifest(&self) -> &Manifest;

    /// What one of its files holds, decrypted where it is encrypted.
    fn file(&self, name: &str) -> Result<Box<dyn Read + Send>, TargetError>;

    /// One of its files as it is stored: what its checksum is of.
    fn stored(&self, name: &str) -> Result<Box<dyn Read + Send>, TargetError> {
        self.file(name)
    }

    /// What a file holds that is read from its beginning on as it is stored.
    fn decrypted<'a>(
        &self,
        name: &str,
        stored: Box<dyn Read + 'a>,
    ) -> Result<Box<dyn Read + 'a>, TargetError> {
        let _ = name;
        Ok(stored)
    }

    /// Fails where it is encrypted, and no key at hand fits. What is damaged is not found here.
    fn unlock(&self) -> Result<(), TargetError> {
        Ok(())
    }

    /// One of its files, of which any part can be read without the rest; nothing where that cannot be.
    fn seekable(&self, name: &str) -> Result<Option<Box<dyn Seekable>>, TargetError> {
        let _ = name;
        Ok(None)
    }

    /// The size of one of its files, as it is stored.
    fn size(&self, name: &str) -> Result<Bytes, TargetError>;
}

/// A resource that nobody else creates, reads or deletes versions of at the time.
pub trait ExclusiveLock: Send {
    /// Deletes one version, unless it is protected.
    fn delete(&self, version: Version) -> Result<(), TargetError>;
}

/// What a file of a draft has become, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its size.
    pub size: Bytes,
    /// Its checksum.
    pub sha256: Sha256,
}

/// Which server a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// What the target calls it.
    pub name: SourceName,
    /// What it calls itself.
    pub label: String,
    /// Its certificate's fingerprint: two servers do not mix under one name.
    pub fingerprint: Sha256,
    /// Whether it is a cluster.
    pub clustered: bool,
}

/// Whether a version must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// It must.
    On,
    /// It may go.
    Off,
}

/// A version that is to be deleted.
#[derive(Debug, Clone)]
pub struct Doomed {
    /// Which.
    pub id: StoredId,
    /// The version of the same resource that must be there, and complete, when this one goes.
    pub survivor: Option<Version>,
}

/// How much of what a target keeps its versions in is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Depth {
    /// That everything is there that something refers to.
    Structure,
    /// That, and so much of the data as it is stored: `5%`, `1/10`, `2G`.
    Subset(String),
}

/// Which versions are meant; what is not said fits.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this server.
    pub source: Option<SourceName>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of this resource.
    pub resource: Option<ResourceId>,
}

impl Filter {
    /// Whether a version is meant.
    pub fn fits(&self, id: &StoredId) -> bool {
        self.source.as_ref().is_none_or(|it| *it == id.source)
            && self.kind.is_none_or(|it| it == id.resource.kind())
            && self.resource.as_ref().is_none_or(|it| *it == id.resource)
    }
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredId {
    /// The server that it is a backup of.
    pub source: SourceName,
    /// What it is a backup of.
    pub resource: ResourceId,
    /// When it was begun.
    pub version: Version,
}

/// What is known of a stored version without reading its data.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Which it is.
    pub id: StoredId,
    /// What it holds, uncompressed.
    pub size: Bytes,
    /// What its archive takes.
    pub stored_size: Bytes,
    /// Whether everything that belongs to it is there.
    pub state: State,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether the earlier tool made it, so that it is only read.
    pub legacy: bool,
    /// How it was checked; what a check found counts in `state`.
    pub checks: Checks,
    /// Its manifest, where it can be read.
    pub manifest: Option<Box<Manifest>>,
}

/// Stored versions by what they have in common, in the order of that; each group as it came.
pub fn grouped<'a, K: Ord>(
    stored: impl IntoIterator<Item = &'a Stored>,
    key: impl Fn(&'a Stored) -> K,
) -> BTreeMap<K, Vec<&'a Stored>> {
    let mut groups: BTreeMap<K, Vec<&Stored>> = BTreeMap::new();
    for version in stored {
        groups.entry(key(version)).or_default().push(version);
    }
    groups
}

impl Stored {
    /// Whether the earlier tool made it, so that it is only read.
    pub fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// Whether its files are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.manifest.as_deref().is_some_and(Manifest::is_encrypted)
    }

    /// Whether it is of an image that had this alias then.
    pub fn has_alias(&self, alias: &str) -> bool {
        let image = self
            .manifest
            .as_ref()
            .and_then(|manifest| manifest.image.as_ref());
        image.is_some_and(|image| image.aliases.iter().any(|known| known == alias))
    }
}

/// Whether a version can be relied on, as far as a look tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Everything that belongs to it is there.
    Complete,
    /// Its manifest cannot be read, or its archive is not there or has another size.
    Damaged,
    /// It has no manifest.
    Incomplete,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Complete => "complete",
            Self::Damaged => "damaged",
            Self::Incomplete => "incomplete",
        })
    }
}
