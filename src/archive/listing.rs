//! What is in an archive, in a file beside it: `members.jsonl.zst`.
//!
//! Lines of JSON, compressed with Zstandard: `{"format":1}`, then a [`Member`] a line, in the order of
//! the tar, of which [`Member::at`] is the place. `zstdcat members.jsonl.zst` shows it. It is made of
//! the archive and can be made again: a version without it is as good, only slower to look into.

use std::io::{self, BufRead as _, BufReader, Read, Write};

use serde::{Deserialize, Serialize};

use super::decoder;
use super::members::{Member, MemberWriter, Members};

/// The name of the file.
pub const LISTING: &str = "members.jsonl.zst";
const FORMAT: u32 = 1;
/// The level: a higher one gains little on paths.
const LEVEL: i32 = 3;
/// How far back a repetition is looked for: 256 KiB, which is what keeps its memory small.
const WINDOW_LOG: u32 = 18;
/// The longest line that is read: a path may be as long as a PAX header.
const LINE: u64 = 4 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
}

struct Lines<L: Write> {
    out: zstd::Encoder<'static, L>,
    member: Option<Member>,
    crc: crc32fast::Hasher,
}

impl<L: Write> Lines<L> {
    fn new(out: L) -> io::Result<Self> {
        let mut out = zstd::Encoder::new(out, LEVEL)?;
        out.window_log(WINDOW_LOG)?;
        out.include_checksum(true)?;
        let mut lines = Self {
            out,
            member: None,
            crc: crc32fast::Hasher::new(),
        };
        lines.line(&Head { format: FORMAT })?;
        Ok(lines)
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }
}

impl<L: Write> Members for Lines<L> {
    fn begin(&mut self, member: Member) -> io::Result<()> {
        self.member = Some(member);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let crc = std::mem::take(&mut self.crc).finalize();
        let Some(mut member) = self.member.take() else {
            return Ok(());
        };
        member.crc32 = (member.size > 0).then_some(crc);
        self.line(&member)
    }
}

/// Hands a tar on, and writes down what is in it where a file for that is given.
pub struct Listed<W, L: Write> {
    out: W,
    lines: Option<MemberWriter<Lines<L>>>,
}

impl<W, L: Write> std::fmt::Debug for Listed<W, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").finish_non_exhaustive()
    }
}

impl<W, L: Write> Listed<W, L> {
    /// Hands on to `out`, and lists in `list`.
    pub fn new(out: W, list: Option<L>) -> io::Result<Self> {
        let lines = list.map(Lines::new).transpose()?;
        Ok(Self {
            out,
            lines: lines.map(|lines| MemberWriter::new(lines, 0)),
        })
    }

    /// Ends the list, and gives both back.
    pub fn finish(self) -> io::Result<(W, Option<L>)> {
        let list = self.lines.map(|lines| lines.into_inner().out.finish());
        Ok((self.out, list.transpose()?))
    }
}

impl<W: Write, L: Write> Write for Listed<W, L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        if let Some(lines) = &mut self.lines {
            lines.write_all(&bytes[..count])?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a list, member by member.
pub fn read_listing(
    list: impl Read,
    visit: &mut dyn FnMut(Member) -> io::Result<()>,
) -> io::Result<()> {
    let mut list = BufReader::with_capacity(256 * 1024, decoder(list));
    let mut line = Vec::new();
    if !next_line(&mut list, &mut line)? {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let Head { format } = serde_json::from_slice(&line)?;
    if format != FORMAT {
        let text = format!("it has format {format}; a newer version of this program is needed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    while next_line(&mut list, &mut line)? {
        visit(serde_json::from_slice(&line)?)?;
    }
    Ok(())
}

fn next_line(list: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    list.take(LINE).read_until(b'\n', line)?;
    if !line.is_empty() && line.pop() != Some(b'\n') {
        let text = "a line of it has no end";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(!line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::members::MemberKind;
    use super::*;

    fn listed(tar: &[u8], piece: usize) -> Vec<Member> {
        let mut listed = Listed::new(Vec::new(), Some(Vec::new())).unwrap();
        for part in tar.chunks(piece) {
            listed.write_all(part).unwrap();
        }
        let (out, list) = listed.finish().unwrap();
        assert_eq!(out, tar);
        let mut members = Vec::new();
        read_listing(&list.unwrap()[..], &mut |member| {
            members.push(member);
            Ok(())
        })
        .unwrap();
        members
    }

    fn tar() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_uid(1000);
        header.set_gid(100);
        header.set_mtime(1_700_000_000);
        header.set_size(0);
        header.set_entry_type(tar::EntryType::Directory);
        tar.append_data(&mut header, "backup/a/", &b""[..]).unwrap();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o4711);
        let long = format!("backup/{}", "x".repeat(300));
        let pax = [("mtime", &b"1700000001.25"[..]), ("uid", b"5000000")];
        tar.append_pax_extensions(pax).unwrap();
        header.set_size(5);
        tar.append_data(&mut header, "backup/a/f", &b"hello"[..])
            .unwrap();
        let mut gnu = tar::Header::new_gnu();
        gnu.set_size(600);
        gnu.set_mode(0o600);
        tar.append_data(&mut gnu, long, &[7; 600][..]).unwrap();
        header.set_size(0);
        header.set_entry_type(tar::EntryType::Symlink);
        tar.append_link(&mut header, "backup/l", "/etc/passwd")
            .unwrap();
        tar.into_inner().unwrap()
    }

    #[test]
    fn a_tar_is_listed_with_where_its_members_are_however_it_comes() {
        let tar = tar();
        let members = listed(&tar, tar.len());
        for piece in [1, 7, 511, 512, 513] {
            assert_eq!(listed(&tar, piece), members);
        }
        let short: Vec<_> = members
            .iter()
            .map(|it| {
                (
                    it.path.display(),
                    it.kind,
                    it.size,
                    it.mode,
                    it.uid,
                    it.mtime,
                )
            })
            .map(|(path, kind, ..)| (path, kind))
            .collect();
        assert_eq!(
            short,
            [
                ("backup/a".to_owned(), MemberKind::Directory),
                ("backup/a/f".to_owned(), MemberKind::File),
                (format!("backup/{}", "x".repeat(300)), MemberKind::File),
                ("backup/l".to_owned(), MemberKind::Symlink),
            ]
        );
        let file = &members[1];
        assert_eq!((file.size, file.mode), (5, 0o4711));
        assert_eq!(
            (file.uid, file.gid, file.mtime),
            (5_000_000, 100, 1_700_000_001)
        );
        assert_eq!((file.at, file.crc32), (512, Some(0x3610_a686)));
        assert_eq!(members[3].link.as_ref().unwrap().display(), "/etc/passwd");
        // Each can be read from where it is, without what is before it.
        for member in &members {
            let at = usize::try_from(member.at).unwrap();
            let mut found = tar::Archive::new(&tar[at..]);
            let found = found.entries().unwrap().next().unwrap().unwrap();
            let path = found.path_bytes().into_owned();
            assert_eq!(path.strip_suffix(b"/").unwrap_or(&path), member.path.0);
        }
    }

    #[test]
    fn a_path_that_is_no_text_survives() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..5].copy_from_slice(b"a/\xff\xfeb");
        header.set_size(0);
        header.set_cksum();
        tar.append(&header, &b""[..]).unwrap();
        let members = listed(&tar.into_inner().unwrap(), 512);
        assert_eq!(members[0].path.0, b"a/\xff\xfeb");
    }

    #[test]
    fn a_list_of_another_format_or_without_an_end_is_refused() {
        let pack = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        let read = |list: &[u8]| read_listing(list, &mut |_| Ok(())).unwrap_err().to_string();
        let later = read(&pack(b"{\"format\":2}\n"));
        assert!(later.contains("it has format 2"), "{later}");
        let cut = read(&pack(b"{\"format\":1}\n{\"path\":\"a"));
        assert!(cut.contains("no end"), "{cut}");
        let whole = pack(b"{\"format\":1}\n");
        assert!(read_listing(&whole[..whole.len() - 3], &mut |_| Ok(())).is_err());
        // A line without an end, however much follows, is not read to its end.
        let mut endless = b"{\"format\":1}\n".to_vec();
        endless.extend(std::iter::repeat_n(b'x', 64 * 1024 * 1024));
        let endless = read(&pack(&endless));
        assert!(endless.contains("no end"), "{endless}");
    }
}
