//! What two versions differ in (pure).

use std::collections::BTreeMap;

use serde::Serialize;

use super::FilePath;
use crate::archive::Member;

/// What became of a file between two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, and it is not the same.
    Changed,
}

/// A file that two versions do not have alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where it is.
    pub path: FilePath,
    /// What became of it.
    pub change: Change,
    /// What is different in it, in words: `content`, `mode`…
    pub what: Vec<&'static str>,
    /// How large it was.
    pub before: Option<u64>,
    /// How large it is.
    pub after: Option<u64>,
}

/// Compares two versions, by path. What a file holds is compared by its checksum where both versions
/// have one, by size and time otherwise.
pub fn compare(
    first: &BTreeMap<FilePath, Member>,
    second: &BTreeMap<FilePath, Member>,
) -> Vec<Difference> {
    let mut differences: Vec<Difference> = Vec::new();
    for (path, before) in first {
        let after = second.get(path);
        let what = after
            .map(|after| differing(before, after))
            .unwrap_or_default();
        if after.is_some() && what.is_empty() {
            continue;
        }
        differences.push(Difference {
            path: path.clone(),
            change: match after {
                Some(_) => Change::Changed,
                None => Change::Removed,
            },
            what,
            before: Some(before.size),
            after: after.map(|after| after.size),
        });
    }
    let added = second.iter().filter(|(path, _)| !first.contains_key(path));
    differences.extend(added.map(|(path, after)| Difference {
        path: path.clone(),
        change: Change::Added,
        what: Vec::new(),
        before: None,
        after: Some(after.size),
    }));
    differences.sort_by(|one, other| one.path.cmp(&other.path));
    differences
}

fn differing(before: &Member, after: &Member) -> Vec<&'static str> {
    let same_time = before.mtime == after.mtime;
    let content = match (before.crc32, after.crc32) {
        (Some(before), Some(after)) => before != after,
        // An empty file has none.
        _ => before.size > 0 && !same_time,
    };
    let parts = [
        ("type", before.kind != after.kind),
        ("content", before.size != after.size || content),
        ("link", before.link != after.link),
        ("mode", before.mode != after.mode),
        ("owner", (before.uid, before.gid) != (after.uid, after.gid)),
    ];
    let mut what: Vec<&'static str> = parts
        .into_iter()
        .filter_map(|(word, differs)| differs.then_some(word))
        .collect();
    // The time of a folder changes with what is in it, which is told of by itself.
    if what.is_empty() && !same_time && before.kind == crate::archive::MemberKind::File {
        what.push("time");
    }
    what
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{MemberKind, MemberPath};

    fn member(size: u64, crc32: Option<u32>, mtime: i64) -> Member {
        Member {
            path: MemberPath(Vec::new()),
            kind: MemberKind::File,
            size,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime,
            link: None,
            at: 0,
            crc32,
        }
    }

    #[test]
    fn what_was_added_removed_and_changed_is_told_in_the_order_of_paths() {
        let path = |text| FilePath::parse(text).unwrap();
        let base = member(5, Some(1), 100);
        let first = BTreeMap::from([
            (path("a"), base.clone()),
            (path("same"), base.clone()),
            (path("moved/on"), base.clone()),
            (path("touched"), base.clone()),
            (path("unlisted"), member(5, None, 100)),
            (path("perms"), base.clone()),
        ]);
        let second = BTreeMap::from([
            (path("a"), member(5, Some(2), 100)),
            (path("same"), base.clone()),
            (path("new"), member(7, Some(1), 100)),
            (path("touched"), member(5, Some(1), 200)),
            (path("unlisted"), member(5, None, 200)),
            (
                path("perms"),
                Member {
                    mode: 0o600,
                    uid: 7,
                    ..base
                },
            ),
        ]);
        let told: Vec<String> = compare(&first, &second)
            .iter()
            .map(|it| format!("{} {:?} {}", it.path, it.change, it.what.join(",")))
            .collect();
        assert_eq!(
            told,
            [
                "/a Changed content",
                "/moved/on Removed ",
                "/new Added ",
                "/perms Changed mode,owner",
                "/touched Changed time",
                "/unlisted Changed content",
            ]
        );
    }
}
