//! The small files of a version as one: a tar that every `tar` reads.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::model::Version;
use crate::target::checksums::is_file_name;

/// How large the files of one may be together.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Small files, by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Writes files in this order: what must be believed last comes last.
pub(super) fn write<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    version: Version,
) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(version.timestamp().as_second()).unwrap_or(0));
        tar.append_data(&mut header, name, bytes)?;
    }
    tar.into_inner()
}

/// Reads the files of a tar. What is no plain file with a plain name is passed over.
pub(super) fn read(tar: impl Read) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in tar::Archive::new(tar.take(LIMIT)).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if !entry.header().entry_type().is_file() || !is_file_name(&name) {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::mutation::{Change, mutated};

    #[test]
    fn files_come_back_and_a_cut_bundle_does_not() {
        let version: Version = "20260131T235959Z".parse().unwrap();
        let all: [(&str, &[u8]); 2] = [("instance.json", b"{}\n"), ("manifest.json", &[7; 5000])];
        let tar = write(all, version).unwrap();
        let files = read(&tar[..]).unwrap();
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            ["instance.json", "manifest.json"]
        );
        assert_eq!(files["manifest.json"], [7; 5000]);
        assert_eq!(
            write(all, version).unwrap(),
            tar,
            "the same files are the same bytes"
        );
        assert!(read(&tar[..2000]).is_err());
    }

    proptest! {
        /// No file of a bundle has a name that leads anywhere.
        #[test]
        fn a_bundle_that_was_tampered_with_has_plain_names(changes in vec(any::<Change>(), 0..6)) {
            let version: Version = "20260131T235959Z".parse().unwrap();
            let all: [(&str, &[u8]); 2] = [("instance.json", b"{}\n"), ("manifest.json", &[7; 900])];
            let tar = write(all, version).unwrap();
            if let Ok(files) = read(&mutated(&tar, &changes)[..]) {
                prop_assert!(files.keys().all(|name| is_file_name(name)));
            }
        }
    }

    /// A bundle says 8 GiB of itself and has nothing of it.
    #[test]
    fn a_bundle_that_promises_too_much_is_refused() {
        let mut header = tar::Header::new_ustar();
        header.set_path("instance.json").unwrap();
        header.set_size((8 << 30) - 1);
        header.set_cksum();
        let tar = [&header.as_bytes()[..], &[7; 2000]].concat();
        assert!(read(&tar[..]).is_err());
    }
}
