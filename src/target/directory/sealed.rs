//! A file of a draft that is encrypted on its way.

use std::io::{self, BufWriter, IntoInnerError, Write};
use std::path::PathBuf;

use age::stream::StreamWriter;

use super::draft::DirectoryFile;
use crate::target::encryption::{Recipients, begin};
use crate::target::error::At as _;
use crate::target::{DraftFile, TargetError, Written};

/// How much is written at a time: what a file begins with comes in many small pieces.
const PIECE: usize = 64 * 1024;

struct SealedFile {
    stream: StreamWriter<BufWriter<DirectoryFile>>,
    path: PathBuf,
}

/// Begins to encrypt into a file, which is one of its draft only once it is finished.
pub(super) fn create(
    recipients: &Recipients,
    file: DirectoryFile,
) -> Result<Box<dyn DraftFile>, TargetError> {
    let path = file.path.clone();
    let stream = begin(recipients, BufWriter::with_capacity(PIECE, file)).at("encrypt", &path)?;
    Ok(Box::new(SealedFile { stream, path }))
}

impl Write for SealedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl DraftFile for SealedFile {
    fn finish(self: Box<Self>) -> Result<Written, TargetError> {
        let buffered = self.stream.finish().at("write", &self.path)?;
        let file = buffered.into_inner().map_err(IntoInnerError::into_error);
        Box::new(file.at("write", &self.path)?).finish()
    }
}
