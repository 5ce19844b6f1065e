//! Images of disks read as they are: partitions, and file systems of every kind that is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use incus_backup::disk::{DiskError, Ext, Inode, InodeKind, Piece, Window, partitions};
use rstest::rstest;

use crate::disk_images::{
    debugged, file_system, gpt, longest, mbr, needs_e2fsprogs, repaired, tree,
};

fn window(image: &[u8]) -> Window {
    let size = image.len() as u64;
    Window::new(Box::new(Cursor::new(image.to_vec())), 0, size)
}

fn content(ext: &Ext, path: &str) -> Result<Vec<u8>, DiskError> {
    let mut inode = ext.root()?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let mut found = None;
        ext.names(&inode, &mut |name, number| {
            if name == part.as_bytes() {
                found = Some(number);
            }
            Ok::<(), DiskError>(())
        })?;
        inode = ext.inode(found.unwrap_or_else(|| panic!("no {path}")))?;
    }
    held(ext, &inode)
}

fn held(ext: &Ext, inode: &Inode) -> Result<Vec<u8>, DiskError> {
    let mut bytes = Vec::new();
    ext.content(inode, &mut |piece| {
        match piece {
            Piece::Data(data) => bytes.extend_from_slice(data),
            Piece::Hole(count) => bytes.resize(bytes.len() + usize::try_from(count).unwrap(), 0),
        }
        Ok::<(), DiskError>(())
    })?;
    Ok(bytes)
}

/// What of a file must be the same: kind, permissions, owner, time, number of names, and what it holds or
/// leads to.
type Facts = (u32, u32, u32, i64, u64, Vec<u8>);

fn on_disk(ext: &Ext) -> BTreeMap<String, Facts> {
    let mut facts = BTreeMap::new();
    let mut open = vec![(String::new(), 2)];
    while let Some((path, number)) = open.pop() {
        let inode = ext.inode(number).unwrap();
        let mut names = 0;
        let (kind, held) = match inode.kind {
            InodeKind::Directory => {
                ext.names(&inode, &mut |name, number| {
                    let name = String::from_utf8(name.to_vec()).unwrap();
                    open.push((format!("{path}/{name}"), number));
                    Ok::<(), DiskError>(())
                })
                .unwrap();
                (0o040_000, Vec::new())
            }
            InodeKind::Symlink => (0o120_000, ext.link(&inode).unwrap()),
            InodeKind::File => {
                names = u64::from(inode.names);
                (0o100_000, held(ext, &inode).unwrap())
            }
            other => panic!("{path} is {other:?}"),
        };
        let facts_of = (
            kind | inode.mode,
            inode.uid,
            inode.gid,
            inode.mtime,
            names,
            held,
        );
        facts.insert(path, facts_of);
    }
    facts.remove("/lost+found").unwrap();
    facts.remove("");
    facts
}

fn in_folder(folder: &Path, at: &str, facts: &mut BTreeMap<String, Facts>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{at}/{}", entry.file_name().to_str().unwrap());
        let found = fs::symlink_metadata(entry.path()).unwrap();
        let mut names = 0;
        let held = if found.is_dir() {
            in_folder(&entry.path(), &path, facts);
            Vec::new()
        } else if found.is_symlink() {
            let link = fs::read_link(entry.path()).unwrap();
            link.to_str().unwrap().as_bytes().to_vec()
        } else {
            names = found.nlink();
            fs::read(entry.path()).unwrap()
        };
        let of = (
            found.mode(),
            found.uid(),
            found.gid(),
            found.mtime(),
            names,
            held,
        );
        facts.insert(path, of);
    }
}

#[rstest]
#[case::ext4(&["-t", "ext4", "-b", "4096"], "")]
#[case::ext4_with_trees_of_names(&["-t", "ext4", "-b", "1024"], "-fyD")]
#[case::ext4_of_32_bits(&["-t", "ext4", "-O", "^64bit,^metadata_csum,^flex_bg,meta_bg,^resize_inode"], "")]
#[case::ext3(&["-t", "ext3", "-b", "1024"], "-fyD")]
#[case::ext2(&["-t", "ext2", "-b", "1024", "-I", "128"], "")]
fn everything_in_a_file_system_is_read_as_it_was_written(
    #[case] options: &[&str],
    #[case] checked: &str,
) {
    needs_e2fsprogs!();
    // Of names in trees there must be many.
    let entries = if checked.is_empty() { 300 } else { 10_000 };
    let folder = tree(entries);
    let mut image = file_system(folder.path(), 96, &[options, &["-N", "12000"]].concat());
    if !checked.is_empty() {
        image = repaired(&image, checked);
    }
    let found = partitions(&window(&image)).unwrap();
    let [disk] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(disk.name, "disk");
    let holds = disk.holds.as_ref().unwrap().kind.to_string();
    assert_eq!(holds, options[1]);
    let mut expected = BTreeMap::new();
    in_folder(folder.path(), "", &mut expected);
    assert!(expected.len() > entries as usize);
    assert!(expected.contains_key(&format!("/data/{}", longest())));
    let ext = Ext::open(window(&image)).unwrap();
    let found = on_disk(&ext);
    for (path, facts) in &expected {
        assert!(found.get(path) == Some(facts), "{path} is another one");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn what_was_never_written_is_told_as_a_hole() {
    needs_e2fsprogs!();
    let folder = tree(0);
    let image = file_system(folder.path(), 32, &["-t", "ext4", "-L", "of-mine"]);
    let found = partitions(&window(&image)).unwrap();
    let label = found[0].holds.as_ref().unwrap().label.clone();
    assert_eq!(label.as_deref(), Some("of-mine"));
    let ext = Ext::open(window(&image)).unwrap();
    let told = run_of(&ext, "data/sparse");
    let written: u64 = told.iter().filter(|(hole, _)| !hole).map(|it| it.1).sum();
    assert!(written <= 65_536, "{told:?}");
    assert_eq!(told.iter().map(|it| it.1).sum::<u64>(), 40_000_000);
}

/// The pieces of a file: whether each is a hole, and how long it is.
fn run_of(ext: &Ext, path: &str) -> Vec<(bool, u64)> {
    let mut inode = ext.root().unwrap();
    for part in path.split('/') {
        let mut found = None;
        ext.names(&inode, &mut |name, number| {
            if name == part.as_bytes() {
                found = Some(number);
            }
            Ok::<(), DiskError>(())
        })
        .unwrap();
        inode = ext.inode(found.unwrap()).unwrap();
    }
    let mut told = Vec::new();
    ext.content(&inode, &mut |piece| {
        told.push(match piece {
            Piece::Data(bytes) => (false, bytes.len() as u64),
            Piece::Hole(count) => (true, count),
        });
        Ok::<(), DiskError>(())
    })
    .unwrap();
    told
}

#[rstest]
#[case::with_checksums(&["-t", "ext4", "-b", "1024"], "-c")]
#[case::of_64_bits(&["-t", "ext4", "-b", "4096", "-O", "^metadata_csum,64bit"], "")]
#[case::of_32_bits(&["-t", "ext3", "-b", "1024", "-O", "^64bit"], "")]
fn a_journal_is_replayed_as_a_check_would(#[case] options: &[&str], #[case] sums: &str) {
    needs_e2fsprogs!();
    let folder = tree(0);
    let image = file_system(folder.path(), 64, options);
    let size: usize = options[3].parse().unwrap_or(1024);
    let (_, told) = debugged(&image, "blocks /etc/hostname\nblocks /deep/a/b/c/d/e\n");
    let blocks: Vec<u64> = told
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    let &[hostname, other] = &blocks[..] else {
        panic!("{told}")
    };
    let file = |text: &[u8]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = text.to_vec();
        bytes.resize(size, 0);
        fs::write(file.path(), bytes).unwrap();
        file
    };
    // One that begins as a block of the journal does has to be changed in it.
    let (first, escaped) = (file(b"written-one\n"), file(b"\xC0\x3B\x39\x98rest"));
    let write = |file: &tempfile::NamedTempFile, block| {
        format!("jw -b {block} {}\n", file.path().to_str().unwrap())
    };
    let begin = format!("jo {sums}\n");
    let written = begin.clone() + &write(&first, hostname) + &write(&escaped, other) + "jc\n";
    let revoked = begin
        + &write(&first, hostname)
        + &write(&escaped, other)
        + &format!("jw -r {hostname}\njc\n");
    let expected = [
        (written, &b"written-one\n"[..]),
        (revoked, b"of-the-disk\n"),
    ];
    for (commands, hostname) in expected {
        let (journaled, told) = debugged(&image, &commands);
        let ext = Ext::open(window(&journaled)).unwrap();
        assert_eq!(content(&ext, "etc/hostname").unwrap(), hostname, "{told}");
        assert_eq!(
            content(&ext, "deep/a/b/c/d/e").unwrap(),
            b"\xC0\x3B\x39\x98rest\0"
        );
        let checked = Ext::open(window(&repaired(&journaled, "-fy"))).unwrap();
        assert_eq!(on_disk(&checked), on_disk(&ext));
    }
}

#[test]
fn a_journal_goes_on_at_its_beginning() {
    needs_e2fsprogs!();
    let folder = tree(0);
    let options = ["-t", "ext4", "-b", "1024", "-O", "^metadata_csum"];
    let image = file_system(folder.path(), 64, &options);
    let (_, told) = debugged(&image, "blocks /etc/hostname\nblocks <8>\n");
    let numbers: Vec<usize> = told
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let (hostname, log) = (numbers[0], &numbers[1..]);
    let mut script = String::new();
    let files: Vec<_> = (0..4)
        .map(|number| {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut bytes = format!("written-{number:03}\n").into_bytes();
            bytes.resize(1024, 0);
            fs::write(file.path(), bytes).unwrap();
            file
        })
        .collect();
    for file in &files {
        let path = file.path().to_str().unwrap();
        writeln!(script, "jo\njw -b {hostname} {path}\njc").unwrap();
    }
    let (mut journaled, _) = debugged(&image, &script);
    let block = |number: usize| number * 1024..(number + 1) * 1024;
    // It is moved, so that it ends in the middle of a transaction and goes on at the first block.
    let head = journaled[block(log[0])].to_vec();
    let number = |at: usize| {
        usize::try_from(u32::from_be_bytes(head[at..at + 4].try_into().unwrap())).unwrap()
    };
    let (length, first, start) = (number(0x10), number(0x14), number(0x1C));
    let place = |index: usize| first + (index - first) % (length - first);
    let old = journaled.clone();
    for index in 0..12 {
        let to = block(log[place(length - 4 + index)]);
        journaled[to].copy_from_slice(&old[block(log[start + index])]);
    }
    let begin = u32::try_from(length - 4).unwrap().to_be_bytes();
    let at = block(log[0]).start + 0x1C;
    journaled[at..at + 4].copy_from_slice(&begin);
    let ext = Ext::open(window(&journaled)).unwrap();
    assert_eq!(content(&ext, "etc/hostname").unwrap(), b"written-003\n");
    let checked = Ext::open(window(&repaired(&journaled, "-fy"))).unwrap();
    assert_eq!(on_disk(&checked), on_disk(&ext));
}

/// Name, size, what it holds, label and title of each.
fn told(image: &[u8]) -> Vec<(String, u64, Option<String>, Option<String>)> {
    let found = partitions(&window(image)).unwrap();
    let told = found.into_iter().map(|it| {
        let holds = it.holds.map(|holds| holds.kind.to_string());
        (it.name, it.size, holds, it.title)
    });
    told.collect()
}

fn swap() -> Vec<u8> {
    let mut swap = vec![0; 1024 * 1024];
    swap[4086..4096].copy_from_slice(b"SWAPSPACE2");
    swap
}

#[test]
fn a_disk_has_its_partitions_by_either_copy_of_its_table() {
    needs_e2fsprogs!();
    let folder = tree(0);
    let ext = file_system(folder.path(), 16, &["-t", "ext4"]);
    let disk = gpt(&[("root", &ext), ("swåp", &swap())]);
    let some = |text: &str| Some(text.to_owned());
    let expected = [
        ("p1".to_owned(), 16 << 20, some("ext4"), some("root")),
        ("p2".to_owned(), 1 << 20, some("swap"), some("swåp")),
    ];
    assert_eq!(told(&disk), expected);
    let mut first_gone = disk.clone();
    first_gone[2 * 512 + 40] ^= 1;
    assert_eq!(told(&first_gone), expected);
    let end = first_gone.len();
    first_gone[end - 500] ^= 1;
    partitions(&window(&first_gone)).unwrap_err();
    let window = partitions(&window(&disk)).unwrap()[0]
        .window
        .clone()
        .unwrap();
    let ext = Ext::open(window).unwrap();
    assert_eq!(content(&ext, "etc/hostname").unwrap(), b"of-the-disk\n");
}

#[test]
fn logical_partitions_are_found_and_one_that_is_cut_off_has_no_bytes() {
    needs_e2fsprogs!();
    let folder = tree(0);
    let ext = file_system(folder.path(), 16, &["-t", "ext2"]);
    let disk = mbr(&ext, [&swap(), &vec![0; 4096]]);
    let some = |text: &str| Some(text.to_owned());
    let expected = [
        ("p1".to_owned(), 16 << 20, some("ext2"), None),
        ("p5".to_owned(), 1 << 20, some("swap"), None),
        ("p6".to_owned(), 4096, None, None),
    ];
    assert_eq!(told(&disk), expected);
    let found = partitions(&window(&disk[..1 << 20])).unwrap();
    assert!(found[0].window.is_none());
}
