//! One file to a stream. Blocks.

use std::io::{self, Write};

use super::{FilePath, FilesError, Place, Reader};
use crate::archive::{Member, MemberKind, Members};

/// Writes what one file holds to `out`.
pub fn write_out<W: Write>(
    reader: &Reader,
    (place, path): (&Place, &FilePath),
    out: W,
) -> Result<(), FilesError> {
    let is_it = |member: &Member| place.path_of(&member.path).as_ref() == Some(path);
    let only = Only {
        out,
        path,
        found: None,
    };
    let only = reader.read((place, path), &is_it, only)?;
    match only.found {
        None => Err(reader.nothing(place, path)),
        Some(member) if member.kind == MemberKind::Hardlink => {
            let link = member.link;
            let is_first = |member: &Member| Some(&member.path) == link.as_ref();
            let found = None;
            let only = reader.read((place, path), &is_first, Only { found, ..only })?;
            only.found
                .map(drop)
                .ok_or_else(|| reader.nothing(place, path))
        }
        Some(_) => Ok(()),
    }
}

/// Writes what one file holds.
struct Only<'a, W> {
    out: W,
    path: &'a FilePath,
    found: Option<Member>,
}

impl<W: Write> Members for Only<'_, W> {
    fn begin(&mut self, member: Member) -> io::Result<()> {
        if !matches!(member.kind, MemberKind::File | MemberKind::Hardlink) {
            return Err(FilesError::NotFile(self.path.to_string()).into());
        }
        self.found = Some(member);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
