//! The rows that `files` shows.

use jiff::Timestamp;
use serde::Serialize;

use super::rows::{column, size, text};
use super::{Cell, Column, Record, Shown, Tone};
use crate::archive::{Member, MemberKind};
use crate::disk::Partition;
use crate::files::{Change, Difference, FilePath, Place};
use crate::model::Bytes;

/// A file in a stored version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRow {
    /// Where it is.
    pub path: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MemberKind,
    /// Its permissions, as `ls` writes them: `-rw-r--r--`.
    pub mode: String,
    /// Its owner, as seen from inside.
    pub uid: u64,
    /// Its group, as seen from inside.
    pub gid: u64,
    /// How much it holds.
    pub size: Option<Bytes>,
    /// When it was last changed.
    pub modified_at: Option<Timestamp>,
    /// Where a link leads; of a hard link the file that it is another name of.
    pub link: Option<String>,
}

impl FileRow {
    /// The row of a member of a place, at its path there.
    pub fn of(place: &Place, path: &FilePath, member: &Member) -> Self {
        // A hard link leads to a member, which has a path too.
        let link = member.link.as_ref().map(|link| match member.kind {
            MemberKind::Hardlink => place
                .path_of(link)
                .map_or(link.display(), |it| it.to_string()),
            _ => link.display(),
        });
        Self {
            path: path.to_string(),
            kind: member.kind,
            mode: permissions(member),
            uid: member.uid,
            gid: member.gid,
            size: (member.kind == MemberKind::File).then_some(Bytes(member.size)),
            modified_at: Timestamp::from_second(member.mtime).ok(),
            link,
        }
    }
}

/// As `ls -l` writes them.
fn permissions(member: &Member) -> String {
    let mut text = String::with_capacity(10);
    text.push(member.kind.letter());
    for (at, (special, letter)) in [(0o4000, 's'), (0o2000, 's'), (0o1000, 't')]
        .into_iter()
        .enumerate()
    {
        let bits = member.mode >> (6 - 3 * at);
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (bits & 1 != 0, member.mode & special != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

impl Record for FileRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<FileRow>] = &[
            column("mode", Shown::Always, |row| Cell::Text(row.mode.clone())),
            column("uid", Shown::Always, |row| text(row.uid)),
            column("gid", Shown::Always, |row| text(row.gid)),
            column("size", Shown::Always, |row| size(row.size)),
            column("modified_at", Shown::Always, |row| {
                row.modified_at.map_or(Cell::Empty, Cell::Time)
            }),
            column("path", Shown::Always, |row| Cell::Text(row.path.clone())),
            column("link", Shown::Unless(""), |row| Cell::of(row.link.as_ref())),
        ];
        COLUMNS
    }
}

/// A partition of a disk in a stored version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionRow {
    /// What files in it are below: `/p1`.
    pub path: String,
    /// Always `partition`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How large it is.
    pub size: Bytes,
    /// What it holds, as `blkid` calls it; nothing where that is not known.
    pub file_system: Option<String>,
    /// What the file system is called.
    pub label: Option<String>,
    /// What the partition is called in its table.
    pub title: Option<String>,
}

impl PartitionRow {
    /// The row of a partition.
    pub fn of(partition: &Partition) -> Self {
        let holds = partition.holds.as_ref();
        Self {
            path: format!("/{}", partition.name),
            kind: "partition",
            size: Bytes(partition.size),
            file_system: holds.map(|holds| holds.kind.to_string()),
            label: holds.and_then(|holds| holds.label.clone()),
            title: partition.title.clone(),
        }
    }
}

impl Record for PartitionRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<PartitionRow>] = &[
            column("path", Shown::Always, |row| Cell::Text(row.path.clone())),
            column("size", Shown::Always, |row| size(Some(row.size))),
            column("file_system", Shown::Always, |row| {
                Cell::of(row.file_system.as_ref())
            }),
            column("label", Shown::Unless(""), |row| {
                Cell::of(row.label.as_ref())
            }),
            column("title", Shown::Unless(""), |row| {
                Cell::of(row.title.as_ref())
            }),
        ];
        COLUMNS
    }
}

/// A file that two versions do not have alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DifferenceRow {
    /// `added`, `removed` or `changed`.
    pub change: Change,
    /// Where it is.
    pub path: String,
    /// What is different in it: `type`, `content`, `link`, `mode`, `owner`, `time`.
    pub what: Vec<&'static str>,
    /// How large it was.
    pub size_before: Option<Bytes>,
    /// How large it is.
    pub size_after: Option<Bytes>,
}

impl DifferenceRow {
    /// The row of a difference.
    pub fn of(difference: &Difference) -> Self {
        Self {
            change: difference.change,
            path: difference.path.to_string(),
            what: difference.what.clone(),
            size_before: difference.before.map(Bytes),
            size_after: difference.after.map(Bytes),
        }
    }
}

impl Record for DifferenceRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<DifferenceRow>] = &[
            column("change", Shown::Always, |row| {
                let (word, tone) = match row.change {
                    Change::Added => ("added", Tone::Good),
                    Change::Removed => ("removed", Tone::Bad),
                    Change::Changed => ("changed", Tone::Careful),
                };
                Cell::Toned(word.to_owned(), tone)
            }),
            column("path", Shown::Always, |row| Cell::Text(row.path.clone())),
            column("what", Shown::Unless(""), |row| {
                Cell::Text(row.what.join(", "))
            }),
            column("size_before", Shown::Unless(""), |row| {
                size(row.size_before)
            }),
            column("size_after", Shown::Unless(""), |row| size(row.size_after)),
        ];
        COLUMNS
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::archive::MemberPath;

    #[rstest]
    #[case(MemberKind::File, 0o644, "-rw-r--r--")]
    #[case(MemberKind::File, 0o4711, "-rws--x--x")]
    #[case(MemberKind::Directory, 0o1777, "drwxrwxrwt")]
    #[case(MemberKind::File, 0o2640, "-rw-r-S---")]
    #[case(MemberKind::Symlink, 0o777, "lrwxrwxrwx")]
    #[case(MemberKind::Fifo, 0, "p---------")]
    fn permissions_are_written_as_ls_does(
        #[case] kind: MemberKind,
        #[case] mode: u32,
        #[case] expected: &str,
    ) {
        let member = Member {
            path: MemberPath(Vec::new()),
            kind,
            size: 0,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            link: None,
            at: 0,
            crc32: None,
        };
        assert_eq!(permissions(&member), expected);
    }
}
