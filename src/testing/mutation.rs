//! Texts and bytes that were right and are not any more, in a way that can be had again.
//!
//! Property tests draw the numbers; what they do to an example is decided here, so that shrinking
//! leaves the smallest change that breaks something. Bytes at random are refused at the first of
//! them: what is nearly right gets much farther.

/// A kind of change, where, and with what.
pub type Change = (u8, u32, u8);

/// What parsers, paths, shells and numbers have stumbled over.
const HOSTILE: [&[u8]; 28] = [
    b"../",
    b"/etc/passwd",
    b"..",
    b".",
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"'",
    b"\\",
    b"%2F",
    b"%",
    b",",
    b":",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"<<: ",
    b"- ",
    b"null",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"\xc3\x28",
    b"\xe2\x80\xae",
];

/// How often something is repeated at most.
const REPEATED: usize = 4096;

/// Makes the changes to an example, one after the other.
pub fn mutated(good: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (kind, at, with) in changes {
        change(&mut bytes, *kind, usize::try_from(*at).unwrap_or(0), *with);
    }
    bytes
}

/// The same of a text: what is no text any more has marks of that in it.
pub fn mutated_text(good: &str, changes: &[Change]) -> String {
    String::from_utf8_lossy(&mutated(good.as_bytes(), changes)).into_owned()
}

fn change(bytes: &mut Vec<u8>, kind: u8, at: usize, with: u8) {
    let at = at % (bytes.len() + 1);
    let end = bytes.len().min(at + 1 + usize::from(with));
    match kind % 7 {
        0 if at < bytes.len() => bytes[at] ^= 1 << (with % 8),
        1 if at < bytes.len() => bytes[at] = with,
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        4 => bytes.truncate(at),
        5 => {
            let hostile = HOSTILE[usize::from(with) % HOSTILE.len()];
            bytes.splice(at..at, hostile.iter().copied());
        }
        _ => {
            let hostile = HOSTILE[usize::from(with) % HOSTILE.len()];
            let many = hostile.repeat(REPEATED / hostile.len());
            bytes.splice(at..at, many);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_make_the_same_changes_and_none_make_none() {
        let good = b"name: web";
        assert_eq!(mutated(good, &[]), good);
        assert_eq!(mutated(good, &[(1, 0, b'f')]), b"fame: web");
        assert_eq!(mutated(good, &[(5, 6, 0)]), b"name: ../web");
        assert_eq!(mutated(good, &[(2, 4, 1), (4, 6, 0)]), b"namewe");
        assert!(mutated(good, &[(6, 3, 16)]).len() > 4000);
    }
}
