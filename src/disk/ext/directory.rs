//! Names in a directory.

use super::super::DiskError;
use super::super::numbers::{le16, le32, length};
use super::{Ext, Inode, InodeKind};

/// Is told a name and the number of its inode.
type VisitName<'a, E> = dyn FnMut(&[u8], u32) -> Result<(), E> + 'a;

/// What comes before a name: inode, length of the entry, length of the name, type.
const HEAD: usize = 8;

impl Ext {
    /// Tells the names in a directory, without itself and the one above, and their inodes.
    ///
    /// They are read one after the other: the tree that finds names by their hashes is made so that
    /// whoever does not know it sees empty entries. No name has a slash or a zero, and none is empty.
    pub fn names<E: From<DiskError>>(
        &self,
        directory: &Inode,
        visit: &mut VisitName<'_, E>,
    ) -> Result<(), E> {
        if directory.kind != InodeKind::Directory {
            return Err(DiskError::Corrupt("a directory is none").into());
        }
        let size = self.superblock.block;
        let mut block = vec![0; length(size)];
        self.runs::<E>(directory, &mut |run| {
            let end = directory.size.div_ceil(size);
            let count = run.count.min(end.saturating_sub(run.first));
            for index in (0..count).take_while(|_| run.at.is_some()) {
                self.read_blocks(run.at.unwrap_or_default() + index, &mut block)?;
                names(&block, visit)?;
            }
            Ok(())
        })
    }
}

fn names<E: From<DiskError>>(block: &[u8], visit: &mut VisitName<'_, E>) -> Result<(), E> {
    let corrupt = DiskError::Corrupt;
    let mut rest = block;
    while !rest.is_empty() {
        // Blocks of 64 KiB are longer than the number says.
        let length = match le16(rest, 4) {
            0 | u16::MAX => block.len(),
            length => usize::from(length),
        };
        if length < HEAD || length % 4 != 0 || length > rest.len() {
            return Err(corrupt("an entry of a directory has no possible length").into());
        }
        let (entry, further) = rest.split_at(length);
        rest = further;
        let inode = le32(entry, 0);
        if inode == 0 {
            continue;
        }
        let name = entry.get(HEAD..HEAD + usize::from(entry[6]));
        let name = name
            .filter(|name| !name.is_empty() && !name.iter().any(|byte| matches!(byte, b'/' | 0)));
        match name.ok_or(corrupt("a name in a directory is none"))? {
            b"." | b".." => {}
            name => visit(name, inode)?,
        }
    }
    Ok(())
}
