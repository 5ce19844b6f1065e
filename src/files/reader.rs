//! What a stored version holds, member by member. Everything blocks.

use std::cell::OnceCell;
use std::io::{self, SeekFrom, Write as _};
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::disk::Disk;
use super::image::{self, Copied};
use super::{Depth, FilePath, FilesError, Place};
use crate::archive::{
    LISTING, Member, MemberKind, MemberWriter, Members, Pass, SeekableFrames, read_listing,
};
use crate::disk::{Partition, Window};
use crate::progress::{Cancel, Silent, Task};
use crate::retrieve::{self, Damage};
use crate::target::{ArchiveFacts, Manifest, Opened, Seekable, StoredId, Target};

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;
/// How many parts of an archive are kept unpacked while a disk is looked into, which goes to and fro between
/// names, inodes and what files hold: 4 MiB each.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// A stored version that is looked into; it cannot be deleted meanwhile.
pub struct Reader {
    opened: Box<dyn Opened>,
    archive: ArchiveFacts,
    /// Whether what is in the archive stands in a list beside it that is right.
    listed: bool,
    task: Arc<dyn Task>,
    cancel: Cancel,
    /// The disk that is looked into.
    disk: OnceCell<Disk>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("archive", &self.archive)
            .field("listed", &self.listed)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a version. The task is told of the stored bytes of an archive that is read whole.
    pub fn open(
        target: &Arc<dyn Target>,
        id: &StoredId,
        (task, cancel): (Arc<dyn Task>, Cancel),
    ) -> Result<Self, FilesError> {
        let opened = target.open(id)?;
        opened.unlock()?;
        let archive = opened.manifest().archive.clone();
        let archive = archive.ok_or(FilesError::NoFiles("no archive"))?;
        let listed = has_list(&*opened);
        Ok(Self {
            opened,
            archive,
            listed,
            task,
            cancel,
            disk: OnceCell::new(),
        })
    }

    /// What the version says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.opened.manifest()
    }

    /// Tells members: at least those at a path and below it, as far as is asked for. Of an archive of files
    /// it is every one, in its order; what nothing is at is an error of a disk alone.
    pub fn members(
        &self,
        (place, root, depth): (&Place, &FilePath, Depth),
        visit: &mut dyn FnMut(Member) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        if place.is_disk() {
            return self.disk(place)?.members((root, depth), visit);
        }
        self.all(visit)
    }

    /// The partitions of a place that is a disk.
    pub fn partitions(&self, place: &Place) -> Result<&[Partition], FilesError> {
        Ok(self.disk(place)?.partitions())
    }

    /// Tells every member, in the order of the archive.
    fn all(
        &self,
        visit: &mut dyn FnMut(Member) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        let mut visit = |member| visit(member).map_err(io::Error::from);
        if self.listed {
            let list = self.opened.file(LISTING)?;
            return Ok(read_listing(list, &mut visit)?);
        }
        let told = Told {
            visit: &mut visit,
            cancel: &self.cancel,
        };
        self.pass(told).map(drop)
    }

    /// Hands what is wanted on, with what it holds.
    ///
    /// Without a list it has been handed on before the whole archive is known to be right: whoever
    /// must not use it before waits for the end.
    pub fn read<M: Members>(
        &self,
        (place, root): (&Place, &FilePath),
        wanted: &dyn Fn(&Member) -> bool,
        members: M,
    ) -> Result<M, FilesError> {
        if place.is_disk() {
            return self.disk(place)?.read(root, wanted, members);
        }
        let some = Some(members);
        let Some(mut plain) = self.plain(NonZeroUsize::MIN)? else {
            let taken = self.pass(Wanted {
                is_meant: wanted,
                members: some,
                takes: false,
                cancel: &self.cancel,
            })?;
            return taken.members.ok_or(FilesError::Worker);
        };
        let mut found = Vec::new();
        self.all(&mut |member| {
            if wanted(&member) {
                found.push(member);
            }
            Ok(())
        })?;
        let mut members = some;
        for member in found {
            let one = One {
                expected: member,
                members,
                state: OneState::Before,
                crc: crc32fast::Hasher::new(),
                cancel: &self.cancel,
            };
            members = one.read(&mut *plain)?;
        }
        members.ok_or(FilesError::Worker)
    }

    /// Why nothing was found at a path.
    pub fn nothing(&self, place: &Place, path: &FilePath) -> FilesError {
        let mut link = None;
        let looked = self.all(&mut |member| {
            let Some(found) = place.path_of(&member.path) else {
                return Ok(());
            };
            let is_link = member.kind == MemberKind::Symlink && path.is_in(&found);
            if let (true, Some(to)) = (is_link, member.link) {
                link = Some(FilesError::Link {
                    path: found.to_string(),
                    to: to.display(),
                });
            }
            Ok(())
        });
        match (looked, link) {
            (Err(error), _) | (Ok(()), Some(error)) => error,
            (Ok(()), None) => FilesError::Nothing(path.to_string()),
        }
    }

    /// The tar, any part of which can be read; nothing where that cannot be.
    fn plain(&self, frames: NonZeroUsize) -> Result<Option<Box<dyn Seekable>>, FilesError> {
        if !self.listed {
            return Ok(None);
        }
        let opened = self.opened.seekable(&self.archive.file);
        let Some(file) = opened.map_err(FilesError::of_open)? else {
            return Ok(None);
        };
        match self.archive.compression.as_str() {
            "none" => return Ok(Some(file)),
            "zstd" => {}
            // It has no table: it is read from its beginning.
            _ => return Ok(None),
        }
        let opened_frames = SeekableFrames::open(file)?;
        Ok(opened_frames.map(|it| Box::new(it.keeping(frames)) as Box<dyn Seekable>))
    }

    /// The disk that is a place; it is opened once.
    fn disk(&self, place: &Place) -> Result<&Disk, FilesError> {
        if let Some(disk) = self.disk.get() {
            return Ok(disk);
        }
        let window = self.image(place)?;
        let disk = Disk::open(place, &window, &self.cancel)?;
        Ok(self.disk.get_or_init(|| disk))
    }

    /// The image of a disk, in the archive where that can be read in parts.
    fn image(&self, place: &Place) -> Result<Window, FilesError> {
        let nothing = || FilesError::Nothing("/".to_owned());
        let Some(mut plain) = self.plain(KEPT)? else {
            let copied = self.pass(Copied::begin(place, &self.cancel)?)?;
            return copied.finish().ok_or_else(nothing);
        };
        if self.archive.compression == "none" && !self.manifest().is_encrypted() {
            // Parts of it have no checksums of their own.
            self.pass(Told {
                visit: &mut |_| Ok(()),
                cancel: &self.cancel,
            })?;
        }
        let mut found = None;
        self.all(&mut |member| {
            if member.path.0 == place.folder() && member.kind == MemberKind::File {
                found = Some(member);
            }
            Ok(())
        })?;
        let expected = found.ok_or_else(nothing)?;
        let at = image::begin(&mut *plain, &expected)?;
        Ok(Window::new(Box::new(plain), at, expected.size))
    }

    fn pass<M: Members>(&self, members: M) -> Result<M, FilesError> {
        self.task.phase("reading", Some(self.archive.stored_size.0));
        let pass = Pass::new(MemberWriter::new(members, 0), None);
        let (writer, _) = retrieve::archive(&*self.opened, &self.archive, pass, self.task.clone())?;
        Ok(writer.into_inner())
    }
}

/// Whether a version has a list, and it is what was written. One that is not is as good as none.
fn has_list(opened: &dyn Opened) -> bool {
    let checksums = retrieve::checksums(opened).ok();
    let name = opened.manifest().stored_name(LISTING);
    let expected = checksums.and_then(|checksums| checksums.0.get(&*name).copied());
    let Some(expected) = expected else {
        return false;
    };
    let silent: Arc<dyn Task> = Arc::new(Silent);
    let found = retrieve::digest(opened, LISTING, silent).ok();
    if found != Some(expected) {
        tracing::warn!("the list of what is in the archive is damaged and not used");
    }
    found == Some(expected)
}

/// Tells members, and nothing of what they hold.
struct Told<'a> {
    visit: &'a mut dyn FnMut(Member) -> io::Result<()>,
    cancel: &'a Cancel,
}

pub(super) fn unless(cancel: &Cancel) -> io::Result<()> {
    if cancel.is_cancelled() {
        return Err(FilesError::Interrupted.into());
    }
    Ok(())
}

impl Members for Told<'_> {
    fn begin(&mut self, member: Member) -> io::Result<()> {
        (self.visit)(member)
    }

    fn data(&mut self, _bytes: &[u8]) -> io::Result<()> {
        unless(self.cancel)
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hands on what is wanted.
struct Wanted<'a, M> {
    is_meant: &'a dyn Fn(&Member) -> bool,
    members: Option<M>,
    takes: bool,
    cancel: &'a Cancel,
}

impl<M: Members> Members for Wanted<'_, M> {
    fn begin(&mut self, member: Member) -> io::Result<()> {
        self.takes = (self.is_meant)(&member);
        match &mut self.members {
            Some(members) if self.takes => members.begin(member),
            _ => Ok(()),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        unless(self.cancel)?;
        match &mut self.members {
            Some(members) if self.takes => members.data(bytes),
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match &mut self.members {
            Some(members) if self.takes => members.end(),
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OneState {
    Before,
    Inside,
    After,
}

/// Hands on the one member that a list says is there, if it is.
struct One<'a, M> {
    expected: Member,
    members: Option<M>,
    state: OneState,
    crc: crc32fast::Hasher,
    cancel: &'a Cancel,
}

pub(super) fn differs() -> io::Error {
    FilesError::Damaged(Damage::Read(io::Error::new(
        io::ErrorKind::InvalidData,
        "it does not hold what its list says",
    )))
    .into()
}

impl<M: Members> One<'_, M> {
    fn read(self, plain: &mut dyn Seekable) -> Result<Option<M>, FilesError> {
        let at = self.expected.at;
        plain.seek(SeekFrom::Start(at))?;
        let mut writer = MemberWriter::new(self, at);
        let mut buffer = vec![0; CHUNK];
        while writer.get_ref().state != OneState::After {
            let count = plain.read(&mut buffer)?;
            if count == 0 {
                return Err(differs().into());
            }
            writer.write_all(&buffer[..count])?;
        }
        Ok(writer.into_inner().members)
    }
}

impl<M: Members> Members for One<'_, M> {
    fn begin(&mut self, mut member: Member) -> io::Result<()> {
        if self.state == OneState::After {
            return Ok(());
        }
        unless(self.cancel)?;
        member.crc32 = self.expected.crc32;
        if member != self.expected {
            return Err(differs());
        }
        self.state = OneState::Inside;
        match &mut self.members {
            Some(members) => members.begin(member),
            None => Ok(()),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        unless(self.cancel)?;
        match &mut self.members {
            Some(members) if self.state == OneState::Inside => {
                self.crc.update(bytes);
                members.data(bytes)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(members) = &mut self.members else {
            return Ok(());
        };
        if self.state != OneState::Inside {
            return Ok(());
        }
        self.state = OneState::After;
        let crc = std::mem::take(&mut self.crc).finalize();
        if self.expected.crc32.is_some_and(|expected| expected != crc) {
            return Err(differs());
        }
        members.end()
    }
}
