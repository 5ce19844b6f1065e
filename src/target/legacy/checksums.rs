//! `checksums.txt` as the earlier tool read it (pure).

use crate::target::{Checksums, InvalidChecksums};

/// Reads `CHECKSUM  NAME` lines as tolerantly as the tool that wrote them did: blank lines and spaces
/// around a line do not matter. Names that lead elsewhere are refused; that tool followed them.
pub(in crate::target) fn parse(text: &str) -> Result<Checksums, InvalidChecksums> {
    let mut all = Checksums::default();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() {
            let one = Checksums::parse(line).map_err(|_| InvalidChecksums(at + 1))?;
            all.0.extend(one.0);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::Sha256;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn blank_lines_spaces_and_capitals_do_not_matter() {
        let text = format!("\n  {}  a.tar.xz\r\n\n{EMPTY}  b \n", EMPTY.to_uppercase());
        let all = ["a.tar.xz", "b"].map(|name| (name.to_owned(), Sha256::of(b"")));
        assert_eq!(parse(&text), Ok(Checksums(all.into())));
    }

    #[rstest]
    #[case("/etc/hostname")]
    #[case("../x")]
    #[case(".hidden")]
    fn a_name_that_leads_elsewhere_is_refused(#[case] name: &str) {
        let text = format!("{EMPTY}  a\n{EMPTY}  {name}\n");
        assert_eq!(parse(&text), Err(InvalidChecksums(2)));
    }
}
