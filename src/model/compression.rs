//! How archives are compressed, as users choose it.

use std::fmt;
use std::str::FromStr;

/// The compression of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionChoice {
    /// None.
    None,
    /// Zstandard at a level from 1 to 19.
    Zstd(i32),
    /// gzip at a level from 1 to 9.
    Gzip(u32),
}

/// A text that is not a compression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a compression; use `none`, `zstd` or `zstd:LEVEL` with a level from 1 to 19, `gzip` or \
     `gzip:LEVEL` with one from 1 to 9"
)]
pub struct InvalidCompression(pub String);

impl CompressionChoice {
    /// The level of `zstd` without one.
    pub const DEFAULT_LEVEL: i32 = 3;
    /// What is used where nothing is said.
    pub const DEFAULT: Self = Self::Zstd(Self::DEFAULT_LEVEL);
    /// The level of `gzip` without one: that of the program of this name.
    pub const DEFAULT_GZIP_LEVEL: u32 = 6;

    /// What a manifest calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zstd(_) => "zstd",
            Self::Gzip(_) => "gzip",
        }
    }

    /// What the name of a file ends with that is compressed so.
    pub fn ending(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Zstd(_) => ".zst",
            Self::Gzip(_) => ".gz",
        }
    }

    /// The name of a file without the ending of any compression.
    pub fn without_ending(file: &str) -> &str {
        let endings = [".zst", ".gz"];
        let mut plain = endings.iter().filter_map(|it| file.strip_suffix(it));
        plain.next().unwrap_or(file)
    }
}

impl FromStr for CompressionChoice {
    type Err = InvalidCompression;
    fn from_str(text: &str) -> Result<Self, InvalidCompression> {
        let invalid = || InvalidCompression(text.to_owned());
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "zstd" => Ok(Self::Zstd(Self::DEFAULT_LEVEL)),
            None if text == "gzip" => Ok(Self::Gzip(Self::DEFAULT_GZIP_LEVEL)),
            Some(("gzip", level)) => match level.parse() {
                Ok(level @ 1..=9) => Ok(Self::Gzip(level)),
                _ => Err(invalid()),
            },
            Some(("zstd", level)) => match level.parse() {
                Ok(level @ 1..=19) => Ok(Self::Zstd(level)),
                _ => Err(invalid()),
            },
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for CompressionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
            Self::Gzip(level) => write!(f, "gzip:{level}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("none", Some(CompressionChoice::None))]
    #[case("zstd", Some(CompressionChoice::Zstd(3)))]
    #[case("zstd:19", Some(CompressionChoice::Zstd(19)))]
    #[case("zstd:20", None)]
    #[case("zstd:", None)]
    #[case("gzip", Some(CompressionChoice::Gzip(6)))]
    #[case("gzip:9", Some(CompressionChoice::Gzip(9)))]
    #[case("gzip:0", None)]
    #[case("gzip:10", None)]
    #[case("xz", None)]
    fn a_compression_is_an_algorithm_and_a_level(
        #[case] text: &str,
        #[case] expected: Option<CompressionChoice>,
    ) {
        assert_eq!(text.parse().ok(), expected);
    }

    #[rstest]
    #[case("export.tar.gz", "export.tar")]
    #[case("volume.iso.zst", "volume.iso")]
    #[case("bucket.tar", "bucket.tar")]
    fn the_ending_of_a_file_can_be_taken_off(#[case] file: &str, #[case] plain: &str) {
        assert_eq!(CompressionChoice::without_ending(file), plain);
    }
}
