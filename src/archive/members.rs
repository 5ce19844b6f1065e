//! The members of a tar, one after the other, as it comes.
//!
//! For what reads archives for what is in them: the list that is kept beside an archive, and files that
//! are taken out of one. Whether the tar is a right one is for [`Pass`](super::Pass) to say.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ArchiveError;
use super::header::{BLOCK, Header, Records, padded};
use super::index::LIMIT;

/// A path in a tar, or what a link leads to: any bytes. In JSON a string, or `{"base64": …}` where it
/// is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberPath(pub Vec<u8>);

impl MemberPath {
    /// As people read it.
    pub fn display(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelling<'a> {
    Text(#[serde(borrow)] std::borrow::Cow<'a, str>),
    Other { base64: String },
}

impl Serialize for MemberPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Spelling::Other {
                base64: BASE64.encode(&self.0),
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for MemberPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Spelling::deserialize(deserializer)? {
            Spelling::Text(text) => Ok(Self(text.into_owned().into_bytes())),
            Spelling::Other { base64 } => {
                let bytes = BASE64.decode(base64);
                bytes.map(Self).map_err(serde::de::Error::custom)
            }
        }
    }
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file that came before.
    Hardlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// Something that exports do not have.
    Other,
}

impl MemberKind {
    fn of(header: &Header) -> Self {
        match header.kind {
            _ if header.is_file() => Self::File,
            b'1' => Self::Hardlink,
            b'2' => Self::Symlink,
            b'3' => Self::Character,
            b'4' => Self::Block,
            b'5' => Self::Directory,
            b'6' => Self::Fifo,
            _ => Self::Other,
        }
    }

    /// Whether it is neither a file nor a directory nor a link.
    pub fn is_special(self) -> bool {
        matches!(
            self,
            Self::Character | Self::Block | Self::Fifo | Self::Other
        )
    }

    /// As `ls` writes it before the permissions.
    pub fn letter(self) -> char {
        match self {
            Self::File | Self::Hardlink => '-',
            Self::Directory => 'd',
            Self::Symlink => 'l',
            Self::Character => 'c',
            Self::Block => 'b',
            Self::Fifo => 'p',
            Self::Other => '?',
        }
    }
}

/// A member of a tar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where it is, without a slash at the end: `backup/container/rootfs/etc/hosts`.
    pub path: MemberPath,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MemberKind,
    /// How many bytes it holds.
    pub size: u64,
    /// Its permissions.
    pub mode: u32,
    /// Its owner, as seen from inside.
    pub uid: u64,
    /// Its group, as seen from inside.
    pub gid: u64,
    /// When it was last changed, in seconds since 1970.
    pub mtime: i64,
    /// What it leads to; of a hard link the path of the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<MemberPath>,
    /// Where in the tar its first header begins.
    pub at: u64,
    /// The CRC-32 of what it holds, where that was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32: Option<u32>,
}

/// Takes members as they come.
pub trait Members {
    /// A member begins.
    fn begin(&mut self, member: Member) -> io::Result<()>;

    /// More of what it holds.
    fn data(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// So many zeros of what it holds, which were never written where it comes from.
    fn zeros(&mut self, count: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut left = count;
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(ZEROS.len());
            let part = part.min(ZEROS.len());
            self.data(&ZEROS[..part])?;
            left -= part as u64;
        }
        Ok(())
    }

    /// It is complete.
    fn end(&mut self) -> io::Result<()>;
}

enum State {
    /// A header, or the end.
    Header,
    /// The body of a PAX or GNU header, and its padding.
    Meta { kind: u8, size: usize, left: u64 },
    /// More of the map of a GNU sparse file, whose body is passed over.
    SparseMap { body: u64 },
    /// What a member holds, and its padding.
    Body { left: u64, padding: u64 },
    /// The end was seen.
    End,
}

/// Takes a tar in whatever pieces, and tells its members.
pub struct MemberWriter<M> {
    members: M,
    state: State,
    block: Vec<u8>,
    records: Records,
    meta: Vec<u8>,
    /// How much has come, and where the member that is being read begins.
    position: u64,
    begun: u64,
}

impl<M> std::fmt::Debug for MemberWriter<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberWriter").finish_non_exhaustive()
    }
}

impl<M: Members> MemberWriter<M> {
    /// For a tar from `position` on, where a member begins.
    pub fn new(members: M, position: u64) -> Self {
        Self {
            members,
            state: State::Header,
            block: Vec::with_capacity(BLOCK),
            records: Records::default(),
            meta: Vec::new(),
            position,
            begun: position,
        }
    }

    /// Who takes them.
    pub fn into_inner(self) -> M {
        self.members
    }

    /// Who takes them.
    pub fn get_ref(&self) -> &M {
        &self.members
    }

    fn bad(&self, reason: &'static str) -> io::Error {
        let offset = self.position.saturating_sub(BLOCK as u64);
        ArchiveError::Header { offset, reason }.into()
    }

    fn header(&mut self) -> io::Result<()> {
        let mut block = [0; BLOCK];
        block.copy_from_slice(&self.block);
        self.block.clear();
        if let State::SparseMap { body } = self.state {
            if block[504] == 0 {
                self.state = State::Body {
                    left: 0,
                    padding: body,
                };
                return self.end_if_done();
            }
            return Ok(());
        }
        if block.iter().all(|byte| *byte == 0) {
            self.state = State::End;
            return Ok(());
        }
        let mut header = Header::parse(&block).map_err(|reason| self.bad(reason))?;
        if matches!(header.kind, b'x' | b'g' | b'L' | b'K') {
            let left = padded(header.size).filter(|_| header.size <= LIMIT);
            let left = left.ok_or_else(|| self.bad("a PAX header is too large"))?;
            let size = usize::try_from(header.size).unwrap_or(usize::MAX);
            self.state = State::Meta {
                kind: header.kind,
                size,
                left,
            };
            return if left == 0 {
                self.end_of_meta()
            } else {
                Ok(())
            };
        }
        std::mem::take(&mut self.records).apply(&mut header);
        let size = if header.has_body() { header.size } else { 0 };
        let padded = padded(size).ok_or_else(|| self.bad("a size is too large"))?;
        let kind = MemberKind::of(&header);
        while header.path.last() == Some(&b'/') {
            header.path.pop();
        }
        self.members.begin(Member {
            path: MemberPath(header.path),
            kind,
            size,
            mode: u32::try_from(header.mode).unwrap_or_default(),
            uid: header.uid,
            gid: header.gid,
            mtime: header.mtime,
            link: matches!(kind, MemberKind::Symlink | MemberKind::Hardlink)
                .then_some(MemberPath(header.link)),
            at: self.begun,
            crc32: None,
        })?;
        self.state = if header.extended {
            State::SparseMap { body: padded }
        } else {
            State::Body {
                left: size,
                padding: padded - size,
            }
        };
        self.end_if_done()
    }

    fn end_if_done(&mut self) -> io::Result<()> {
        if matches!(
            self.state,
            State::Body {
                left: 0,
                padding: 0
            }
        ) {
            self.state = State::Header;
            self.begun = self.position;
            self.members.end()?;
        }
        Ok(())
    }

    fn end_of_meta(&mut self) -> io::Result<()> {
        let state = std::mem::replace(&mut self.state, State::Header);
        let State::Meta { kind, size, .. } = state else {
            return Ok(());
        };
        let meta = std::mem::take(&mut self.meta);
        self.records
            .take(kind, &meta[..size.min(meta.len())])
            .map_err(|reason| self.bad(reason))
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let at_most = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        match &mut self.state {
            State::End => Ok(bytes.len()),
            State::Header | State::SparseMap { .. } => {
                let count = (BLOCK - self.block.len()).min(bytes.len());
                self.block.extend_from_slice(&bytes[..count]);
                self.position += count as u64;
                if self.block.len() == BLOCK {
                    self.header()?;
                }
                Ok(count)
            }
            State::Meta { left, .. } => {
                let count = at_most(*left);
                *left -= count as u64;
                let done = *left == 0;
                self.meta.extend_from_slice(&bytes[..count]);
                self.position += count as u64;
                if done {
                    self.end_of_meta()?;
                }
                Ok(count)
            }
            State::Body { left, padding } => {
                let data = *left > 0;
                let part = if data { left } else { padding };
                let count = at_most(*part);
                *part -= count as u64;
                self.position += count as u64;
                if data {
                    self.members.data(&bytes[..count])?;
                }
                self.end_if_done()?;
                Ok(count)
            }
        }
    }
}

impl<M: Members> Write for MemberWriter<M> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = self.take(rest)?;
            rest = &rest[count..];
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
