//! From the server's answer to the files of a draft, in one pass and constant memory.

use std::io::Write as _;

use sha2::Digest as _;

use crate::backup::BackupError;
use crate::backup::store::Incoming;
use crate::incus::{ImageLayout, InvalidMultipart, Multipart, Piece};
use crate::model::{Bytes, Sha256};
use crate::target::{ArchiveFacts, Draft, DraftFile, ENDING};

/// The files of an image in a draft.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// The metadata of a split image.
    pub(super) metadata: Option<ArchiveFacts>,
    /// The root file system of a split image, or the whole of a unified one.
    pub(super) main: ArchiveFacts,
    /// The SHA-256 of all of it.
    pub(super) content: Sha256,
}

/// A draft and what was written to it.
pub(super) type Filled = (Box<dyn Draft>, Files);

/// Writes what comes to files of the draft. Whether it is the right image is for the caller to see.
pub(super) fn write(
    mut draft: Box<dyn Draft>,
    layout: &ImageLayout,
    mut incoming: Incoming,
) -> Result<Filled, BackupError> {
    let files = match layout {
        ImageLayout::Unified { filename } => {
            let mut file = begin(&mut *draft, "image", filename)?;
            let mut hasher = sha2::Sha256::new();
            while let Some(chunk) = incoming.next()? {
                hasher.update(&chunk);
                file.write(&chunk)?;
            }
            let content = Sha256(hasher.finalize().into());
            let main = file.finish()?;
            Files {
                metadata: None,
                content,
                main,
            }
        }
        ImageLayout::Split { boundary } => split(&mut *draft, boundary, &mut incoming)?,
    };
    Ok((draft, files))
}

fn split(
    draft: &mut dyn Draft,
    boundary: &str,
    incoming: &mut Incoming,
) -> Result<Files, BackupError> {
    let mut multipart = Multipart::new(boundary);
    let mut hasher = sha2::Sha256::new();
    let mut open: Option<OpenFile> = None;
    let mut done: Vec<ArchiveFacts> = Vec::new();
    while let Some(chunk) = incoming.next()? {
        multipart.push(&chunk, |piece| match piece {
            Piece::Begin { name, filename } => {
                let filename = filename.unwrap_or_default();
                done.extend(open.take().map(OpenFile::finish).transpose()?);
                let stem = match (name.as_str(), done.len()) {
                    ("metadata", 0) => "metadata",
                    ("rootfs" | "rootfs.img", 1) => "rootfs",
                    _ => return Err(BackupError::Part(name)),
                };
                open = Some(begin(draft, stem, &filename)?);
                Ok(())
            }
            Piece::Data(data) => {
                hasher.update(data);
                open.as_mut().map_or(Ok(()), |file| file.write(data))
            }
            Piece::End => {
                done.extend(open.take().map(OpenFile::finish).transpose()?);
                Ok(())
            }
        })?;
    }
    let mut done = done.into_iter();
    match (multipart.is_complete(), done.next(), done.next()) {
        (true, Some(metadata), Some(main)) => Ok(Files {
            metadata: Some(metadata),
            main,
            content: Sha256(hasher.finalize().into()),
        }),
        _ => Err(InvalidMultipart::UNENDED.into()),
    }
}

/// A file that is being written.
struct OpenFile {
    name: String,
    size: u64,
    file: Box<dyn DraftFile>,
}

fn begin(draft: &mut dyn Draft, stem: &str, filename: &str) -> Result<OpenFile, BackupError> {
    let name = format!("{stem}{}", ending(filename));
    let file = draft.create(&name)?;
    let size = 0;
    Ok(OpenFile { name, size, file })
}

impl OpenFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).map_err(BackupError::Write)
    }

    fn finish(self) -> Result<ArchiveFacts, BackupError> {
        let written = self.file.finish()?;
        Ok(ArchiveFacts {
            file: self.name,
            // Whatever compression it has is its own.
            compression: "none".to_owned(),
            encryption: None,
            size: Bytes(self.size),
            stored_size: written.size,
            sha256: written.sha256,
            members: 0,
        })
    }
}

/// The ending that tells how a file is compressed, where the server names one that it has names for
/// (`archive.DetectCompression`): `.tar.xz`, `.squashfs`, `.qcow2`.
fn ending(filename: &str) -> &str {
    let ending = filename.find('.').map_or("", |at| &filename[at..]);
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
    // The record of the image has a name of its own.
    let usable = ending.len() <= 16 && ending.bytes().all(plain) && ending != ".json";
    // Nor may it look as if the file were encrypted.
    let usable = usable && !ending.ends_with(ENDING);
    if usable { ending } else { "" }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("meta-abc.tar.xz", ".tar.xz")]
    #[case("abc.squashfs", ".squashfs")]
    #[case("abc", "")]
    #[case("abc.json", "")]
    #[case("abc.tar.age", "")]
    #[case("abc./../x", "")]
    #[case("abc.Ünïcode", "")]
    #[case("abc.a.very.long.ending", "")]
    fn only_an_ending_that_a_file_can_have_is_taken_over(
        #[case] filename: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(ending(filename), expected);
    }
}
