//! From the files of a version to the body of an upload, checked on the way.

use std::io::{self, Write};
use std::sync::Arc;

use sha2::Digest as _;

use crate::archive::{ArchiveError, Passage};
use crate::incus::{Framing, Image};
use crate::model::{InstanceType, Sha256};
use crate::progress::Task;
use crate::restore::send::Withhold;
use crate::retrieve::{self, Damage};
use crate::target::{ArchiveFacts, ImageFacts, Manifest, Opened};

/// An image that is sent.
pub(super) struct Sending {
    /// The version.
    pub(super) opened: Box<dyn Opened>,
    /// Its manifest.
    pub(super) manifest: Manifest,
    /// What stands between the two files of a split image.
    pub(super) framing: Option<Framing>,
    /// What the server said of it.
    pub(super) record: Image,
    /// Who is told how much was sent.
    pub(super) task: Arc<dyn Task>,
}

impl Sending {
    /// Writes the body; gives back what it was written to once all of it is found right.
    pub(super) fn write(self, mut out: Withhold) -> Result<(Withhold, ()), Damage> {
        let image = self.manifest.image.as_ref().ok_or(Damage::Digest)?;
        let main = self.manifest.archive.as_ref().ok_or(Damage::Digest)?;
        let mut whole = sha2::Sha256::new();
        if let (Some(metadata), Some(framing)) = (&image.metadata, &self.framing) {
            frame(&mut out, &framing.opening("metadata", &metadata.file))?;
            (out, whole) = self.file(metadata, (out, whole))?;
            let opening = framing.between(part(image), &self.record.filename);
            frame(&mut out, &opening)?;
            (out, whole) = self.file(main, (out, whole))?;
            frame(&mut out, &framing.closing())?;
        } else {
            (out, whole) = self.file(main, (out, whole))?;
        }
        if Sha256(whole.finalize().into()) == image.content {
            Ok((out, ()))
        } else {
            Err(Damage::Digest)
        }
    }

    fn file(
        &self,
        file: &ArchiveFacts,
        (out, whole): (Withhold, sha2::Sha256),
    ) -> Result<(Withhold, sha2::Sha256), Damage> {
        let passage = Hashing { out, whole };
        retrieve::archive(&*self.opened, file, passage, self.task.clone())
    }
}

/// The name of the second part, which tells what the image is of.
fn part(image: &ImageFacts) -> &'static str {
    match image.image_type {
        InstanceType::Container => "rootfs",
        InstanceType::VirtualMachine => "rootfs.img",
    }
}

fn frame(out: &mut Withhold, text: &str) -> Result<(), Damage> {
    out.write_all(text.as_bytes()).map_err(Damage::Read)
}

/// Hashes one file after the other as they are handed on.
struct Hashing {
    out: Withhold,
    whole: sha2::Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.whole.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Passage<Withhold> for Hashing {
    type Contents = sha2::Sha256;

    fn finish(self) -> Result<(Withhold, sha2::Sha256), ArchiveError> {
        Ok((self.out, self.whole))
    }
}
