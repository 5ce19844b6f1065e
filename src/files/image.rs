//! The image of a disk in its archive. Blocks.

use std::fs::File;
use std::io::{self, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;

use super::reader::{differs, unless};
use super::{FilesError, Place};
use crate::archive::{Member, MemberKind, MemberWriter, Members};
use crate::disk::Window;
use crate::progress::Cancel;
use crate::target::Seekable;

/// What headers are read in.
const BLOCK: usize = 512;
/// The most that comes before what a member holds: long headers are refused where archives are made.
const HEADERS: u64 = 4 * 1024 * 1024;

/// Where what a member holds begins, if it is the one that a list says is there.
pub(super) fn begin(plain: &mut dyn Seekable, expected: &Member) -> Result<u64, FilesError> {
    let mut at = expected.at;
    plain.seek(SeekFrom::Start(at))?;
    let mut writer = MemberWriter::new(First(None), at);
    // Headers are whole blocks, and a member begins with the last of them.
    let mut block = [0; BLOCK];
    while at < expected.at.saturating_add(HEADERS) {
        plain.read_exact(&mut block)?;
        writer.write_all(&block)?;
        at += BLOCK as u64;
        let Some(found) = &writer.get_ref().0 else {
            continue;
        };
        let mut found = found.clone();
        found.crc32 = expected.crc32;
        return if found == *expected {
            Ok(at)
        } else {
            Err(differs().into())
        };
    }
    Err(differs().into())
}

/// The member that comes first.
struct First(Option<Member>);

impl Members for First {
    fn begin(&mut self, member: Member) -> io::Result<()> {
        self.0.get_or_insert(member);
        Ok(())
    }

    fn data(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes a disk out of an archive that cannot be read in parts: into a file without a name, in which what is
/// zero takes no room. How much that is, is known only when it is there.
pub(super) struct Copied {
    place: Place,
    cancel: Cancel,
    file: File,
    size: Option<u64>,
    takes: bool,
    position: u64,
}

impl Copied {
    pub(super) fn begin(place: &Place, cancel: &Cancel) -> Result<Self, FilesError> {
        Ok(Self {
            place: place.clone(),
            cancel: cancel.clone(),
            file: tempfile::tempfile().map_err(no_room)?,
            size: None,
            takes: false,
            position: 0,
        })
    }

    /// The disk; nothing where the archive has none.
    pub(super) fn finish(self) -> Option<Window> {
        self.size
            .map(|size| Window::new(Box::new(self.file), 0, size))
    }
}

fn no_room(cause: io::Error) -> FilesError {
    FilesError::Temporary {
        folder: std::env::temp_dir(),
        cause,
    }
}

impl Members for Copied {
    fn begin(&mut self, member: Member) -> io::Result<()> {
        let is_it = member.path.0 == self.place.folder() && member.kind == MemberKind::File;
        self.takes = is_it && self.size.is_none();
        if self.takes {
            self.size = Some(member.size);
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        unless(&self.cancel)?;
        if !self.takes {
            return Ok(());
        }
        if bytes.iter().any(|byte| *byte != 0) {
            let written = self.file.write_all_at(bytes, self.position);
            written.map_err(no_room)?;
        }
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.takes {
            self.file.set_len(self.position).map_err(no_room)?;
            self.takes = false;
        }
        Ok(())
    }
}
