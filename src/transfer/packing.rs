//! How an archive is packed in the target that it is copied to, and whether it stays encrypted (pure).

use crate::model::{CompressionChoice, Kind};
use crate::target::ArchiveFacts;

/// What is asked for of archives in the other target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// They are not compressed there, for the target finds what they have in common.
    Unpacked,
    /// What is compressed stays as it is, and the rest is compressed so.
    Kept(CompressionChoice),
    /// All are compressed so.
    Anew(CompressionChoice),
}

/// What the target that is copied to does with what is encrypted elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encrypting {
    /// It keeps files as they are: what is encrypted stays so, and needs no key.
    Keeps,
    /// It encrypts files itself, to recipients of its own.
    Anew,
    /// It encrypts by itself whatever it holds, and wants to see it.
    Itself,
}

/// What becomes of the encryption of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sealing {
    /// There is none, or it stays.
    Kept,
    /// It is undone.
    Undone,
}

impl Encrypting {
    /// What becomes of a version's encryption, which a key at hand opens or not; or why it is not copied.
    pub(super) fn sealing(self, encrypted: bool, locked: bool) -> Result<Sealing, &'static str> {
        match (self, encrypted, locked) {
            (_, false, _) | (Self::Keeps, true, _) | (Self::Anew, true, true) => Ok(Sealing::Kept),
            (Self::Anew | Self::Itself, true, false) => Ok(Sealing::Undone),
            (Self::Itself, true, true) => {
                Err("it is encrypted, and no key is given that opens it: --identity FILE")
            }
        }
    }
}

/// What becomes of one archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is the same file.
    None,
    /// It is decompressed, and compressed like this.
    Packed(CompressionChoice),
}

impl Packing {
    /// What becomes of an archive. The files of images are what their fingerprint is of, and what is
    /// encrypted cannot be looked into.
    pub(super) fn change(self, kind: Kind, archive: &ArchiveFacts) -> Change {
        if kind == Kind::Image || archive.encryption.is_some() {
            return Change::None;
        }
        let wanted = match (self, archive.compression.as_str()) {
            (Self::Unpacked, "zstd" | "gzip") => CompressionChoice::None,
            (Self::Kept(choice), "none") | (Self::Anew(choice), "none" | "zstd" | "gzip") => choice,
            _ => return Change::None,
        };
        if wanted.name() == "none" && archive.compression == "none" {
            return Change::None;
        }
        Change::Packed(wanted)
    }
}

impl Change {
    /// What the file is called then.
    pub(super) fn file(self, archive: &ArchiveFacts) -> String {
        let plain = CompressionChoice::without_ending(&archive.file);
        match self {
            Self::None => archive.file.clone(),
            Self::Packed(choice) => format!("{plain}{}", choice.ending()),
        }
    }

    /// How the manifest calls its compression.
    pub(super) fn compression(self, archive: &ArchiveFacts) -> String {
        match self {
            Self::None => archive.compression.clone(),
            Self::Packed(choice) => choice.name().to_owned(),
        }
    }

    /// What the user should know of it.
    pub(super) fn reason(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Packed(CompressionChoice::None) => Some("decompressed".to_owned()),
            Self::Packed(choice) => Some(format!("compressed by {choice}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::{Bytes, Sha256};

    fn archive(file: &str) -> ArchiveFacts {
        ArchiveFacts {
            file: file.to_owned(),
            compression: match file.rsplit_once('.') {
                Some((_, "zst")) => "zstd",
                Some((_, "gz")) => "gzip",
                _ => "none",
            }
            .to_owned(),
            encryption: None,
            size: Bytes(9),
            stored_size: Bytes(9),
            sha256: Sha256::of(b""),
            members: 1,
        }
    }

    const ZSTD: CompressionChoice = CompressionChoice::Zstd(7);
    const GZIP: CompressionChoice = CompressionChoice::Gzip(6);
    const NONE: CompressionChoice = CompressionChoice::None;

    #[rstest]
    #[case(Packing::Unpacked, "export.tar.zst", "export.tar", "none")]
    #[case(Packing::Unpacked, "volume.iso.zst", "volume.iso", "none")]
    #[case(Packing::Unpacked, "export.tar", "export.tar", "none")]
    #[case(Packing::Kept(ZSTD), "export.tar.zst", "export.tar.zst", "zstd")]
    #[case(Packing::Kept(ZSTD), "export.tar", "export.tar.zst", "zstd")]
    #[case(Packing::Kept(NONE), "export.tar.zst", "export.tar.zst", "zstd")]
    #[case(Packing::Unpacked, "export.tar.gz", "export.tar", "none")]
    #[case(Packing::Kept(GZIP), "export.tar", "export.tar.gz", "gzip")]
    #[case(Packing::Kept(ZSTD), "export.tar.gz", "export.tar.gz", "gzip")]
    #[case(Packing::Kept(NONE), "export.tar", "export.tar", "none")]
    #[case(Packing::Anew(ZSTD), "export.tar.gz", "export.tar.zst", "zstd")]
    #[case(Packing::Anew(GZIP), "volume.iso.zst", "volume.iso.gz", "gzip")]
    #[case(Packing::Anew(NONE), "export.tar.zst", "export.tar", "none")]
    #[case(Packing::Anew(NONE), "export.tar", "export.tar", "none")]
    fn an_archive_is_packed_as_its_target_has_it(
        #[case] packing: Packing,
        #[case] file: &str,
        #[case] becomes: &str,
        #[case] compression: &str,
    ) {
        let archive = archive(file);
        let change = packing.change(Kind::Volume, &archive);
        assert_eq!(change.file(&archive), becomes);
        assert_eq!(change.compression(&archive), compression);
        assert_eq!(change == Change::None, file == becomes);
        assert_eq!(packing.change(Kind::Image, &archive), Change::None);
        let encrypted = ArchiveFacts {
            encryption: Some("age".to_owned()),
            ..archive
        };
        assert_eq!(packing.change(Kind::Volume, &encrypted), Change::None);
    }

    #[rstest]
    #[case(Encrypting::Keeps, false, Some(Sealing::Kept))]
    #[case(Encrypting::Keeps, true, Some(Sealing::Kept))]
    #[case(Encrypting::Anew, false, Some(Sealing::Undone))]
    #[case(Encrypting::Anew, true, Some(Sealing::Kept))]
    #[case(Encrypting::Itself, false, Some(Sealing::Undone))]
    #[case(Encrypting::Itself, true, None)]
    fn what_is_encrypted_is_opened_only_where_it_is_encrypted_again(
        #[case] there: Encrypting,
        #[case] locked: bool,
        #[case] becomes: Option<Sealing>,
    ) {
        assert_eq!(there.sealing(true, locked).ok(), becomes);
        assert_eq!(there.sealing(false, locked), Ok(Sealing::Kept));
    }

    #[test]
    fn what_is_asked_for_expressly_is_done_again() {
        let archive = archive("export.tar.zst");
        let change = Packing::Anew(ZSTD).change(Kind::Instance, &archive);
        assert_eq!(change, Change::Packed(ZSTD));
    }
}
