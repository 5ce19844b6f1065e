//! A part of something that can be read from any place on.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use super::DiskError;

/// What can be read from any place on.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// A part of a source: a disk in its archive, a partition in its disk.
#[derive(Clone)]
pub struct Window {
    source: Rc<RefCell<Box<dyn Source>>>,
    at: u64,
    size: u64,
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("at", &self.at)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Window {
    /// `size` bytes of a source, from `at` on.
    pub fn new(source: Box<dyn Source>, at: u64, size: u64) -> Self {
        Self {
            source: Rc::new(RefCell::new(source)),
            at,
            size: size.min(u64::MAX - at),
        }
    }

    /// A part of it.
    pub(super) fn part(&self, at: u64, size: u64) -> Result<Self, DiskError> {
        let end = at.checked_add(size).filter(|end| *end <= self.size);
        end.ok_or(DiskError::Beyond)?;
        Ok(Self {
            source: self.source.clone(),
            at: self.at + at,
            size,
        })
    }

    /// How large it is.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills the buffer with what is at a place.
    pub(super) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let end = at.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(DiskError::Beyond);
        }
        let mut source = self.source.borrow_mut();
        let read = source
            .seek(SeekFrom::Start(self.at + at))
            .and_then(|_| source.read_exact(buffer));
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => DiskError::Beyond,
            _ => DiskError::Read(error),
        })
    }

    /// What is at its beginning, at most so much of it.
    pub(super) fn beginning(&self, count: usize) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; count.min(super::numbers::length(self.size))];
        self.read(0, &mut bytes)?;
        Ok(bytes)
    }
}
