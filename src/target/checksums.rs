//! `checksums.txt`, which `sha256sum -c` reads.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::Sha256;

/// A text that is not a list of checksums.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {0} is not a checksum and a file name")]
pub struct InvalidChecksums(pub usize);

/// The checksums of a version's files, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checksums(pub BTreeMap<String, Sha256>);

impl Checksums {
    /// Reads `CHECKSUM  NAME` lines. Names that this program would not write are refused.
    pub fn parse(text: &str) -> Result<Self, InvalidChecksums> {
        let mut all = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let invalid = || InvalidChecksums(at + 1);
            let (digest, name) = line.split_once("  ").ok_or_else(invalid)?;
            if !is_file_name(name) {
                return Err(invalid());
            }
            all.insert(name.to_owned(), digest.parse().map_err(|_| invalid())?);
        }
        Ok(Self(all))
    }
}

impl fmt::Display for Checksums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(name, digest)| writeln!(f, "{digest}  {name}"))
    }
}

/// Whether a name is one that a file of a version can have.
pub(super) fn is_file_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::testing::mutation::{Change, mutated_text};

    #[test]
    fn checksums_are_written_as_sha256sum_reads_them() {
        let all = [("b.json", b"b"), ("a.tar", b"a")];
        let all = all.map(|(name, bytes)| (name.to_owned(), Sha256::of(bytes)));
        let checksums = Checksums(all.into());
        let text = checksums.to_string();
        assert!(text.starts_with(
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a.tar\n"
        ));
        assert_eq!(Checksums::parse(&text), Ok(checksums));
    }

    #[rstest]
    #[case("x  a")]
    #[case("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  ../a")]
    #[case("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  .hidden")]
    #[case("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 a")]
    fn what_this_program_would_not_write_is_refused(#[case] text: &str) {
        assert_eq!(Checksums::parse(text), Err(InvalidChecksums(1)));
    }

    proptest! {
        #[test]
        fn checksums_that_were_tampered_with_are_refused_or_name_plain_files(
            changes in vec(any::<Change>(), 0..5),
        ) {
            let good = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a.tar\n\
                        3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b.json\n";
            if let Ok(all) = Checksums::parse(&mutated_text(good, &changes)) {
                let plain = |name: &String| !name.contains('/') && !name.starts_with('.');
                prop_assert!(all.0.keys().all(plain));
                prop_assert_eq!(Checksums::parse(&all.to_string()), Ok(all));
            }
        }
    }
}
