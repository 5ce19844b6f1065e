//! Tables of partitions: GPT and MBR.

use super::numbers::{le16, le32, le64, length};
use super::{DiskError, FileSystem, Window};

/// The largest table of GPT that is read, and the most logical partitions of an MBR: what systems write
/// is a hundredth.
const LARGEST_TABLE: u64 = 1024 * 1024;
const MOST_LOGICAL: u32 = 128;
const GPT: &[u8] = b"EFI PART";

/// A partition of a disk.
#[derive(Debug, Clone)]
pub struct Partition {
    /// What it is called here: `p` and its number, or `disk` where the disk has no partitions.
    pub name: String,
    /// How large it is.
    pub size: u64,
    /// What the table calls it; GPT only.
    pub title: Option<String>,
    /// What is in it, if that is known.
    pub holds: Option<FileSystem>,
    /// Its bytes; nothing where it reaches beyond the end of the disk.
    pub window: Option<Window>,
}

/// The partitions of a disk, in the order of their numbers. A disk without a table is one, called `disk`.
pub fn partitions(disk: &Window) -> Result<Vec<Partition>, DiskError> {
    for sector in [512, 4096] {
        if let Some(found) = gpt(disk, sector)? {
            return Ok(found);
        }
    }
    // A file system may have what looks like the end of an MBR, so it is looked for first.
    let holds = FileSystem::of(disk)?;
    if holds.is_none()
        && let Some(found) = mbr(disk)?
    {
        return Ok(found);
    }
    Ok(vec![Partition {
        name: "disk".to_owned(),
        size: disk.size(),
        title: None,
        holds,
        window: Some(disk.clone()),
    }])
}

fn partition(
    disk: &Window,
    number: u32,
    (at, size): (u64, u64),
    title: Option<String>,
) -> Result<Partition, DiskError> {
    let window = disk.part(at, size).ok();
    let holds = window.as_ref().map(FileSystem::of).transpose()?.flatten();
    Ok(Partition {
        name: format!("p{number}"),
        size,
        title,
        holds,
        window,
    })
}

/// By the table at the beginning, or its copy at the end; nothing where there is none (UEFI 2.10, 5.3).
fn gpt(disk: &Window, sector: u64) -> Result<Option<Vec<Partition>>, DiskError> {
    let mut head = vec![0; length(sector)];
    let mut begun = false;
    for at in [Some(sector), disk.size().checked_sub(sector)] {
        let Some(at) = at.filter(|at| at + sector <= disk.size()) else {
            continue;
        };
        disk.read(at, &mut head)?;
        if !head.starts_with(GPT) {
            continue;
        }
        begun = true;
        if let Some(table) = gpt_table(disk, sector, &mut head)? {
            return gpt_entries(disk, sector, &table, length(le32(&head, 84))).map(Some);
        }
    }
    if begun {
        return Err(DiskError::Corrupt(
            "the checksums of its partition table are wrong",
        ));
    }
    Ok(None)
}

/// The entries of a table, if all of it is right.
fn gpt_table(disk: &Window, sector: u64, head: &mut [u8]) -> Result<Option<Vec<u8>>, DiskError> {
    let size = length(le32(head, 12));
    let expected = le32(head, 16);
    let Some(summed) = (92..=head.len()).contains(&size).then_some(size) else {
        return Ok(None);
    };
    head[16..20].fill(0);
    if crc32fast::hash(&head[..summed]) != expected {
        return Ok(None);
    }
    let (count, entry) = (u64::from(le32(head, 80)), u64::from(le32(head, 84)));
    let bytes = count * entry;
    if entry < 128 || bytes > LARGEST_TABLE {
        return Ok(None);
    }
    let mut table = vec![0; length(bytes)];
    let Some(at) = le64(head, 72).checked_mul(sector) else {
        return Ok(None);
    };
    match disk.read(at, &mut table) {
        Err(DiskError::Beyond) => return Ok(None),
        read => read?,
    }
    Ok((crc32fast::hash(&table) == le32(head, 88)).then_some(table))
}

fn gpt_entries(
    disk: &Window,
    sector: u64,
    table: &[u8],
    entry: usize,
) -> Result<Vec<Partition>, DiskError> {
    let mut found = Vec::new();
    for (number, entry) in (1..).zip(table.chunks_exact(entry)) {
        // One of no type is not there.
        if entry[..16].iter().all(|byte| *byte == 0) {
            continue;
        }
        let (first, last) = (le64(entry, 32), le64(entry, 40));
        let place = last
            .checked_sub(first)
            .and_then(|more| more.checked_add(1)?.checked_mul(sector))
            .and_then(|size| Some((first.checked_mul(sector)?, size)));
        let place = place.ok_or(DiskError::Corrupt("a partition ends before it begins"))?;
        let units: Vec<u16> = (56..128).step_by(2).map(|at| le16(entry, at)).collect();
        let units = units.split(|unit| *unit == 0).next().unwrap_or_default();
        let title = Some(String::from_utf16_lossy(units)).filter(|title| !title.is_empty());
        found.push(partition(disk, number, place, title)?);
    }
    Ok(found)
}

/// A sector of an MBR, if it is one.
fn boot_record(disk: &Window, sector: u32) -> Result<Option<[u8; 512]>, DiskError> {
    let mut bytes = [0; 512];
    match disk.read(u64::from(sector) * 512, &mut bytes) {
        Err(DiskError::Beyond) => return Ok(None),
        read => read?,
    }
    Ok((bytes[510..] == [0x55, 0xAA]).then_some(bytes))
}

/// The four entries of one: kind, first sector, number of sectors.
fn entries(record: &[u8; 512]) -> [(u8, u32, u32); 4] {
    [446, 462, 478, 494].map(|at| (record[at + 4], le32(record, at + 8), le32(record, at + 12)))
}

fn is_extended(kind: u8) -> bool {
    matches!(kind, 0x05 | 0x0F | 0x85)
}

/// By a master boot record; nothing where there is none.
fn mbr(disk: &Window) -> Result<Option<Vec<Partition>>, DiskError> {
    let place = |at: u32, size: u32| (u64::from(at) * 512, u64::from(size) * 512);
    let Some(record) = boot_record(disk, 0)? else {
        return Ok(None);
    };
    if [446, 462, 478, 494]
        .iter()
        .any(|at| record[*at] & 0x7F != 0)
    {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut extended = None;
    for (number, (kind, at, size)) in (1..).zip(entries(&record)) {
        if kind == 0 || size == 0 {
            continue;
        }
        if is_extended(kind) {
            extended = Some(at);
            continue;
        }
        found.push(partition(disk, number, place(at, size), None)?);
    }
    // Each logical one has a record of its own, which says where the next record is.
    let mut next = extended;
    for number in 5..5 + MOST_LOGICAL {
        let (Some(base), Some(at)) = (extended, next.take()) else {
            break;
        };
        let Some(record) = boot_record(disk, at)? else {
            break;
        };
        let [(kind, begin, size), (link, further, _), ..] = entries(&record);
        if let (true, Some(begin)) = (kind != 0 && size != 0, at.checked_add(begin)) {
            found.push(partition(disk, number, place(begin, size), None)?);
        }
        next = base.checked_add(further).filter(|_| is_extended(link));
    }
    Ok((!found.is_empty()).then_some(found))
}
