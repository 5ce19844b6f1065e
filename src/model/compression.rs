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
}

/// A text that is not a compression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a compression; use `none`, `zstd` or `zstd:LEVEL` with a level from 1 to 19")]
pub struct InvalidCompression(pub String);

impl CompressionChoice {
    /// The level of `zstd` without one.
    pub const DEFAULT_LEVEL: i32 = 3;
    /// What is used where nothing is said.
    pub const DEFAULT: Self = Self::Zstd(Self::DEFAULT_LEVEL);
}

impl FromStr for CompressionChoice {
    type Err = InvalidCompression;
    fn from_str(text: &str) -> Result<Self, InvalidCompression> {
        let invalid = || InvalidCompression(text.to_owned());
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "zstd" => Ok(Self::Zstd(Self::DEFAULT_LEVEL)),
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
    #[case("xz", None)]
    fn a_compression_is_an_algorithm_and_a_level(
        #[case] text: &str,
        #[case] expected: Option<CompressionChoice>,
    ) {
        assert_eq!(text.parse().ok(), expected);
    }
}
