//! Images of disks, made by e2fsprogs without root.
//!
//! Where there is no `mke2fs` the tests that need it say so and pass.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::lab::command;

/// Where programs for administrators are, which a user's `PATH` leaves out.
fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin"];
    let mut found = folders.iter().map(|folder| Path::new(folder).join(name));
    found.find(|path| path.exists())
}

pub fn is_there() -> bool {
    let there = program("mke2fs").is_some() && program("debugfs").is_some();
    if !there {
        eprintln!("no e2fsprogs to test with");
    }
    there
}

/// Leaves a test that needs images where they cannot be made.
macro_rules! needs_e2fsprogs {
    () => {
        if !$crate::disk_images::is_there() {
            return;
        }
    };
}
pub(crate) use needs_e2fsprogs;

/// Runs a program of e2fsprogs; gives what it printed.
pub fn run(name: &str, arguments: &[&str]) -> String {
    let output = command(program(name).unwrap())
        .args(arguments)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    // That of `e2fsck` says that something was repaired.
    let fine = output.status.success() || (name == "e2fsck" && output.status.code() < Some(4));
    assert!(fine, "{name} {arguments:?}: {told}{errors}");
    told
}

/// The name that is as long as names can be.
pub fn longest() -> String {
    "n".repeat(255)
}

/// A folder with a file of every kind.
pub fn tree(entries: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    for path in ["etc/app", "data/many", "deep/a/b/c/d"] {
        fs::create_dir_all(at(path)).unwrap();
    }
    fs::write(at("etc/hostname"), "of-the-disk\n").unwrap();
    fs::write(at("etc/empty"), "").unwrap();
    fs::write(at("deep/a/b/c/d/e"), "down here").unwrap();
    fs::write(at("data/tab\there"), "odd").unwrap();
    fs::write(at(&format!("data/{}", longest())), "long").unwrap();
    let big: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(at("data/big"), &big[..3_333_333]).unwrap();
    fs::hard_link(at("data/big"), at("data/big-too")).unwrap();
    symlink("hostname", at("etc/short")).unwrap();
    symlink("/etc/passwd", at("etc/absolute")).unwrap();
    symlink("x/".repeat(100), at("etc/long")).unwrap();
    let sparse = File::create(at("data/sparse")).unwrap();
    sparse.set_len(40_000_000).unwrap();
    sparse.write_all_at(b"in the middle", 20_000_000).unwrap();
    for number in 0..entries {
        fs::write(at(&format!("data/many/{number}")), number.to_string()).unwrap();
    }
    folder
}

/// The image of a file system of so many MiB with what is in a folder.
pub fn file_system(folder: &Path, mebibytes: u32, options: &[&str]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (path, size) = (file.path().to_str().unwrap(), format!("{mebibytes}M"));
    let from = folder.to_str().unwrap();
    let fixed = ["-q", "-F", "-d", from];
    let last = [path, &size];
    run("mke2fs", &[&fixed[..], options, &last[..]].concat());
    fs::read(file.path()).unwrap()
}

/// Has commands of `debugfs` change an image.
pub fn debugged(image: &[u8], commands: &str) -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let (path, script) = (folder.path().join("image"), folder.path().join("script"));
    fs::write(&path, image).unwrap();
    fs::write(&script, commands).unwrap();
    let script = script.to_str().unwrap();
    let told = run("debugfs", &["-w", "-f", script, path.to_str().unwrap()]);
    (fs::read(path).unwrap(), told)
}

/// Has `e2fsck` repair an image.
pub fn repaired(image: &[u8], options: &str) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), image).unwrap();
    run("e2fsck", &[options, file.path().to_str().unwrap()]);
    fs::read(file.path()).unwrap()
}

const SECTOR: usize = 512;

/// A disk with partitions, by a table of GPT and its copy.
pub fn gpt(partitions: &[(&str, &[u8])]) -> Vec<u8> {
    let mut disk = vec![0; 2048 * SECTOR];
    let mut table = vec![0; 128 * 128];
    for ((name, content), entry) in partitions.iter().zip(table.chunks_exact_mut(128)) {
        let first = disk.len() / SECTOR;
        disk.extend_from_slice(content);
        disk.resize(disk.len().next_multiple_of(1024 * 1024), 0);
        let last = first + content.len().div_ceil(SECTOR) - 1;
        entry[..16].fill(0xAB);
        entry[16..32].fill(0xCD);
        entry[32..40].copy_from_slice(&(first as u64).to_le_bytes());
        entry[40..48].copy_from_slice(&(last as u64).to_le_bytes());
        let units = name.encode_utf16().flat_map(u16::to_le_bytes);
        for (at, byte) in (56..).zip(units) {
            entry[at] = byte;
        }
    }
    let sectors = disk.len() / SECTOR + 33;
    let head = |own: usize, other: usize, entries: usize| {
        let mut head = [0; SECTOR];
        head[..8].copy_from_slice(b"EFI PART");
        head[8..12].copy_from_slice(&0x1_0000_u32.to_le_bytes());
        head[12..16].copy_from_slice(&92_u32.to_le_bytes());
        for (at, number) in [
            (24, own),
            (32, other),
            (40, 34),
            (48, sectors - 34),
            (72, entries),
        ] {
            head[at..at + 8].copy_from_slice(&(number as u64).to_le_bytes());
        }
        head[80..84].copy_from_slice(&128_u32.to_le_bytes());
        head[84..88].copy_from_slice(&128_u32.to_le_bytes());
        head[88..92].copy_from_slice(&crc32fast::hash(&table).to_le_bytes());
        let sum = crc32fast::hash(&head[..92]);
        head[16..20].copy_from_slice(&sum.to_le_bytes());
        head
    };
    let last = sectors - 1;
    disk.extend_from_slice(&table);
    disk.extend_from_slice(&head(last, 1, last - 32));
    disk[SECTOR..2 * SECTOR].copy_from_slice(&head(1, last, 2));
    disk[2 * SECTOR..2 * SECTOR + table.len()].copy_from_slice(&table);
    // What keeps older systems from taking the disk for empty.
    entry(&mut disk, 446, (0xEE, 1, last));
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    assert_eq!(disk.len(), sectors * SECTOR);
    disk
}

fn entry(disk: &mut [u8], at: usize, (kind, first, count): (u8, usize, usize)) {
    disk[at + 4] = kind;
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    disk[at + 8..at + 12].copy_from_slice(&number(first));
    disk[at + 12..at + 16].copy_from_slice(&number(count));
}

/// A disk with a primary and two logical partitions, by a master boot record.
pub fn mbr(primary: &[u8], logical: [&[u8]; 2]) -> Vec<u8> {
    let mut disk = vec![0; 2048 * SECTOR];
    disk.extend_from_slice(primary);
    entry(&mut disk, 446, (0x83, 2048, primary.len() / SECTOR));
    let extended = disk.len() / SECTOR;
    let sizes = logical.map(|content| content.len() / SECTOR);
    let whole = sizes[0] + sizes[1] + 2;
    entry(&mut disk, 462, (0x05, extended, whole));
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    let further = [Some((0x05, 1 + sizes[0], 1 + sizes[1])), None];
    for (content, further) in logical.into_iter().zip(further) {
        let mut record = [0; SECTOR];
        entry(&mut record, 446, (0x83, 1, content.len() / SECTOR));
        if let Some(further) = further {
            entry(&mut record, 462, further);
        }
        record[510..512].copy_from_slice(&[0x55, 0xAA]);
        disk.extend_from_slice(&record);
        disk.extend_from_slice(content);
    }
    disk
}
