//! Which restic it is.

use std::fmt;

/// A version of restic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResticVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl ResticVersion {
    /// The oldest that this program is tested with.
    pub const OLDEST: Self = Self::new(0, 18, 0);
    /// The first that can wait for locks.
    pub(super) const WAITS: Self = Self::new(0, 16, 0);

    /// A version.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads what `restic version` prints: `restic 0.18.0 compiled with go1.24.4 on linux/amd64`.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.strip_prefix("restic ")?.split_whitespace().next()?;
        let plain = word.split(['-', '+', ' ']).next()?;
        let mut numbers = plain.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self::new(next()?, next()?, next().unwrap_or(0)))
    }
}

impl fmt::Display for ResticVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("restic 0.18.0 compiled with go1.24.4 on linux/amd64\n", Some((0, 18, 0)))]
    #[case("restic 0.14.0-dev (compiled manually) compiled with go1.19", Some((0, 14, 0)))]
    #[case("restic 1.2", Some((1, 2, 0)))]
    #[case("rustic 0.9.0", None)]
    #[case("", None)]
    fn the_version_is_the_second_word(#[case] text: &str, #[case] is: Option<(u32, u32, u32)>) {
        let expected = is.map(|(major, minor, patch)| ResticVersion::new(major, minor, patch));
        assert_eq!(ResticVersion::parse(text), expected);
    }
}
