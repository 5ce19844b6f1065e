//! One header of a tar, as POSIX (ustar, PAX) and GNU tar write it.

/// The size of a block.
pub(super) const BLOCK: usize = 512;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) kind: u8,
    pub(super) mode: u64,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Seconds since 1970.
    pub(super) mtime: i64,
    /// A GNU sparse header that more blocks of its map follow.
    pub(super) extended: bool,
}

fn text(field: &[u8]) -> &[u8] {
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    &field[..end]
}

/// A number in octal digits, or from the eighth bit on in base 256.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let mut value = u64::from(field[0] & 0x7f);
        for byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
        }
        return Some(value);
    }
    let mut value = 0u64;
    let mut digits = false;
    for byte in field {
        match byte {
            b' ' | 0 if digits => break,
            b' ' => {}
            0 => break,
            b'0'..=b'7' => {
                digits = true;
                value = value.checked_mul(8)?.checked_add(u64::from(byte - b'0'))?;
            }
            _ => return None,
        }
    }
    Some(value)
}

fn checksum(block: &[u8; BLOCK]) -> u64 {
    let field = 148..156;
    block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if field.contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum()
}

impl Header {
    /// Reads a header.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, &'static str> {
        if number(&block[148..156]) != Some(checksum(block)) {
            return Err("a header's checksum is wrong");
        }
        let size = number(&block[124..136]).ok_or("a header's size is not a number")?;
        let kind = block[156];
        let ustar = &block[257..263] == b"ustar\0";
        let mut path = Vec::new();
        if ustar && block[345] != 0 {
            path.extend_from_slice(text(&block[345..500]));
            path.push(b'/');
        }
        path.extend_from_slice(text(&block[..100]));
        // What is only told on, and never relied on, may be no number.
        let lenient = |field: &[u8]| number(field).unwrap_or_default();
        Ok(Self {
            path,
            link: text(&block[157..257]).to_vec(),
            size,
            kind,
            mode: lenient(&block[100..108]) & 0o7777,
            uid: lenient(&block[108..116]),
            gid: lenient(&block[116..124]),
            mtime: i64::try_from(lenient(&block[136..148])).unwrap_or_default(),
            extended: kind == b'S' && block[482] != 0,
        })
    }

    /// Whether a body of `size` bytes follows.
    pub(super) fn has_body(&self) -> bool {
        !matches!(self.kind, b'1' | b'2' | b'3' | b'4' | b'5' | b'6')
    }

    /// Whether it is a plain file.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.kind, b'0' | 0 | b'7')
    }
}

/// Writes another size into a header.
pub(super) fn set_size(block: &mut [u8; BLOCK], size: u64) {
    let digits = format!("{size:011o}\0");
    block[124..136].copy_from_slice(digits.as_bytes());
    let sum = format!("{:06o}\0 ", checksum(block));
    block[148..156].copy_from_slice(sum.as_bytes());
}

/// How many bytes a body of this size takes, with its padding. Nothing where that is no number.
pub(super) fn padded(size: u64) -> Option<u64> {
    size.checked_add(BLOCK as u64 - 1)
        .map(|end| end / BLOCK as u64 * BLOCK as u64)
}

/// The records of a PAX header that bear on where a member is, how large it is and whose.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<i64>,
}

/// Puts a value into a field, where there is one.
fn put<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// The whole part of a number in decimal digits.
fn whole<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(value).ok()?;
    text.split_once('.')
        .map_or(text, |(whole, _)| whole)
        .parse()
        .ok()
}

impl Records {
    /// Takes note of what a header of this kind says of the member that follows.
    pub(super) fn take(&mut self, kind: u8, body: &[u8]) -> Result<(), &'static str> {
        let name = || Some(text(body).to_vec());
        match kind {
            b'x' => return self.read(body),
            b'L' => self.path = name(),
            b'K' => self.link = name(),
            // A global header: nothing in it is about one member.
            _ => {}
        }
        Ok(())
    }

    /// Reads `LENGTH KEY=VALUE\n` records.
    fn read(&mut self, mut body: &[u8]) -> Result<(), &'static str> {
        const BAD: &str = "a PAX record is not one";
        while !body.is_empty() {
            let space = body.iter().position(|byte| *byte == b' ').ok_or(BAD)?;
            let length = std::str::from_utf8(&body[..space]).ok();
            let length: usize = length.and_then(|text| text.parse().ok()).ok_or(BAD)?;
            let record = body.get(space + 1..length).ok_or(BAD)?;
            let record = record.strip_suffix(b"\n").ok_or(BAD)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(BAD)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => {
                    let exact = !value.contains(&b'.');
                    self.size = Some(whole(value).filter(|_| exact).ok_or(BAD)?);
                }
                // The size is all that the rest of the tar depends on.
                b"uid" => self.uid = whole(value),
                b"gid" => self.gid = whole(value),
                b"mtime" => self.mtime = whole(value),
                _ => {}
            }
            body = &body[length..];
        }
        Ok(())
    }

    /// What a header says where these records say nothing else.
    pub(super) fn apply(self, header: &mut Header) {
        let Self {
            path,
            link,
            size,
            uid,
            gid,
            mtime,
        } = self;
        put(&mut header.path, path);
        put(&mut header.link, link);
        put(&mut header.size, size);
        put(&mut header.uid, uid);
        put(&mut header.gid, gid);
        put(&mut header.mtime, mtime);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"00000001750\0", Some(1000))]
    #[case(b"       1750 ", Some(1000))]
    #[case(b"\0\0\0\0\0\0\0\0\0\0\0\0", Some(0))]
    #[case(b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(8_589_934_592))]
    #[case(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None)]
    #[case(b"00000009750\0", None)]
    fn a_number_is_octal_or_binary(#[case] field: &[u8; 12], #[case] value: Option<u64>) {
        assert_eq!(number(field), value);
    }

    #[rstest]
    #[case(b"11 path=ab\n13 size=1234\n", Some((Some(b"ab".to_vec()), Some(1234))))]
    #[case(b"11 path=ab", None)]
    #[case(b"99 path=ab\n", None)]
    #[case(b"0 path=ab\n", None)]
    #[case(b"11 path+ab\n", None)]
    fn pax_records_are_read_or_refused(
        #[case] body: &[u8],
        #[case] expected: Option<(Option<Vec<u8>>, Option<u64>)>,
    ) {
        let mut records = Records::default();
        let read = records.read(body).ok();
        assert_eq!(read.map(|()| (records.path, records.size)), expected);
    }
}
