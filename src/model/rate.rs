//! How fast something may go.

use std::fmt;
use std::str::FromStr;

use super::Bytes;

/// A number of bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u64);

/// The least: below, a chunk takes longer than a connection may be silent.
const LEAST: u64 = 1024;

/// A text that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate of at least 1KiB a second: write it as 500KiB, 10MiB or 1.5MB")]
pub struct InvalidRate(String);

impl Rate {
    /// How many bytes a second.
    pub fn per_second(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", Bytes(self.0))
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let invalid = || InvalidRate(text.to_owned());
        let plain = text.strip_suffix("/s").unwrap_or(text);
        let end = plain.find(|it: char| !it.is_ascii_digit() && it != '.');
        let (number, unit) = plain.split_at(end.unwrap_or(plain.len()));
        // As `incus` writes sizes.
        let unit: u64 = match unit.trim_start() {
            "" | "B" => 1,
            "kB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(invalid()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.len() > 3 || (fraction.is_empty() && number.contains('.')) {
            return Err(invalid());
        }
        let thousandths: u64 = format!("{whole}{fraction:0<3}")
            .parse()
            .map_err(|_| invalid())?;
        let rate = thousandths.checked_mul(unit).ok_or_else(invalid)? / 1000;
        if rate < LEAST {
            return Err(invalid());
        }
        Ok(Self(rate))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2048", Some(2048))]
    #[case("500KiB", Some(512_000))]
    #[case("10MiB", Some(10 << 20))]
    #[case("10 MiB/s", Some(10 << 20))]
    #[case("1.5MB", Some(1_500_000))]
    #[case("1GB/s", Some(1_000_000_000))]
    #[case("0", None)]
    #[case("100", None)]
    #[case("", None)]
    #[case("MiB", None)]
    #[case("1.", None)]
    #[case("1m", None)]
    #[case("-5MB", None)]
    #[case("99999999999999999999GB", None)]
    fn a_rate_is_written_as_incus_writes_sizes(#[case] text: &str, #[case] rate: Option<u64>) {
        assert_eq!(text.parse().ok().map(Rate::per_second), rate);
    }
}
