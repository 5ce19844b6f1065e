//! `multipart/form-data`, as Go's `mime/multipart` writes and reads it: how split images travel.
//!
//! # Design
//!
//! The server sends the closing boundary twice (`response.go` closes its writer by hand and again when
//! it returns), which readers of whole messages may stumble over: this one stops at the first. It
//! holds no more than a delimiter and one chunk.

/// A body that is not what its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the parts of the answer cannot be told apart: {0}")]
pub struct InvalidMultipart(&'static str);

impl InvalidMultipart {
    /// It breaks off.
    pub const UNENDED: Self = Self("they have no end");
}

/// How large the headers of a part may be.
const HEADERS: usize = 16 * 1024;

/// What a body is taken apart into.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A part begins.
    Begin {
        /// The name of its field.
        name: String,
        /// The name of its file, where it has one.
        filename: Option<String>,
    },
    /// The next bytes of the part.
    Data(&'a [u8]),
    /// The last part has ended; what follows does not matter.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    Delimiter,
    Headers,
    Body,
    End,
}

/// Takes a body apart as it comes, in whatever chunks.
#[derive(Debug)]
pub struct Multipart {
    delimiter: Vec<u8>,
    held: Vec<u8>,
    state: State,
}

impl Multipart {
    /// A body whose parts are divided by `boundary`.
    pub fn new(boundary: &str) -> Self {
        Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first delimiter may stand at the very beginning, without a line before it.
            held: b"\r\n".to_vec(),
            state: State::Preamble,
        }
    }

    /// Whether the closing boundary was seen.
    pub fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// Takes the next chunk, and hands on the pieces that it completes.
    pub fn push<E: From<InvalidMultipart>>(
        &mut self,
        chunk: &[u8],
        mut piece: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.held.extend_from_slice(chunk);
        let mut at = 0;
        loop {
            let rest = &self.held[at..];
            match self.state {
                State::Preamble | State::Body => {
                    let (data, found) = until(rest, &self.delimiter);
                    if self.state == State::Body && data > 0 {
                        piece(Piece::Data(&rest[..data]))?;
                    }
                    at += data;
                    if !found {
                        break;
                    }
                    at += self.delimiter.len();
                    self.state = State::Delimiter;
                }
                State::Delimiter => {
                    let Some(two) = rest.get(..2) else { break };
                    at += 2;
                    self.state = match two {
                        b"--" => {
                            piece(Piece::End)?;
                            State::End
                        }
                        b"\r\n" => State::Headers,
                        _ => return Err(InvalidMultipart("a boundary goes on").into()),
                    };
                }
                State::Headers => {
                    let (length, found) = until(rest, b"\r\n\r\n");
                    if !found && rest.len() > HEADERS {
                        return Err(InvalidMultipart("a part's headers are too large").into());
                    }
                    if !found {
                        break;
                    }
                    piece(begin(&rest[..length])?)?;
                    at += length + 4;
                    self.state = State::Body;
                }
                State::End => {
                    at = self.held.len();
                    break;
                }
            }
        }
        self.held.drain(..at);
        Ok(())
    }
}

/// How many bytes stand before a delimiter, or can at least not be part of one; and whether it is there.
fn until(bytes: &[u8], delimiter: &[u8]) -> (usize, bool) {
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| *byte == delimiter[0]) {
        let at = from + found;
        let here = &bytes[at..];
        if here.starts_with(delimiter) {
            return (at, true);
        }
        if delimiter.starts_with(here) {
            return (at, false);
        }
        from = at + 1;
    }
    (bytes.len(), false)
}

/// Reads the `Content-Disposition` among a part's headers.
fn begin(headers: &[u8]) -> Result<Piece<'static>, InvalidMultipart> {
    let text = std::str::from_utf8(headers);
    let text = text.map_err(|_| InvalidMultipart("a part's headers are not text"))?;
    let disposition = text.split("\r\n").find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case("content-disposition")
            .then(|| value.trim())
    });
    let disposition = disposition.ok_or(InvalidMultipart("a part has no name"))?;
    Ok(Piece::Begin {
        name: parameter(disposition, "name").ok_or(InvalidMultipart("a part has no name"))?,
        filename: parameter(disposition, "filename"),
    })
}

/// The value of a parameter of a header such as `inline; filename="a\"b"`, quoted or not.
pub fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (key, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            None => match value.split_once(';') {
                Some((value, after)) => (value.trim().to_owned(), after),
                None => (value.trim().to_owned(), ""),
            },
            Some(quoted) => unquote(quoted)?,
        };
        if key.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.trim_start().trim_start_matches(';');
    }
}

/// Reads up to the closing quote; gives what stands in the quotes and what follows them.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// What stands around and between the parts of a body that is sent.
#[derive(Debug, Clone)]
pub struct Framing {
    boundary: String,
}

impl Framing {
    /// A framing with this boundary, of at most 70 letters and digits that the parts do not have in
    /// them.
    pub fn new(boundary: String) -> Self {
        Self { boundary }
    }

    /// The type of the whole body.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// What stands before the first part.
    pub fn opening(&self, name: &str, filename: &str) -> String {
        // What ends a quoted text must not be in it, nor what ends a line.
        let filename: String = filename
            .chars()
            .filter(|character| !character.is_control())
            .flat_map(|character| {
                let escape = matches!(character, '"' | '\\').then_some('\\');
                escape.into_iter().chain([character])
            })
            .collect();
        format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.boundary
        )
    }

    /// What stands before another part.
    pub fn between(&self, name: &str, filename: &str) -> String {
        format!("\r\n{}", self.opening(name, filename))
    }

    /// What stands after the last part.
    pub fn closing(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What a body is taken apart into, in chunks of a size; data that was cut by chunks is joined.
    fn pieces(body: &[u8], size: usize) -> Result<Vec<String>, InvalidMultipart> {
        let mut multipart = Multipart::new("B");
        let mut found: Vec<String> = Vec::new();
        for chunk in body.chunks(size) {
            multipart.push(chunk, |piece| {
                match piece {
                    Piece::Begin { name, filename } => {
                        found.push(format!("{name} {}", filename.unwrap_or_default()));
                        found.push(String::new());
                    }
                    Piece::Data(data) => {
                        let last = found.last_mut().unwrap();
                        last.push_str(std::str::from_utf8(data).unwrap());
                    }
                    Piece::End => found.push("end".to_owned()),
                }
                Ok::<(), InvalidMultipart>(())
            })?;
        }
        assert_eq!(
            multipart.is_complete(),
            found.last().is_some_and(|last| last == "end")
        );
        Ok(found)
    }

    #[rstest]
    fn a_body_is_taken_apart_whatever_its_chunks(
        #[values(1, 2, 3, 7, 64, 4096)] size: usize,
        #[values("", "\r\n--B--\r\n\r\n--B--\r\n", "{\"type\":\"error\"}")] after: &str,
    ) {
        let framing = Framing::new("B".to_owned());
        let data = "one\r\n--Bo\r\n-\r\r\n--";
        let body = [
            &framing.opening("metadata", "a \"b\\c.tar"),
            data,
            &framing.between("rootfs", "x"),
            "",
            &framing.closing(),
            after,
        ]
        .concat();
        let error = Err(InvalidMultipart("a boundary goes on"));
        assert_eq!(pieces(body.as_bytes(), size), error);
        let body = body.replace("--Bo", "--bo");
        assert_eq!(
            pieces(body.as_bytes(), size).unwrap(),
            [
                "metadata a \"b\\c.tar",
                "one\r\n--bo\r\n-\r\r\n--",
                "rootfs x",
                "",
                "end"
            ]
        );
    }

    #[rstest]
    #[case("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nxx")]
    #[case("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nxx\r\n--B")]
    #[case("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nxx\r\n--B-")]
    #[case("")]
    fn a_body_that_breaks_off_is_not_complete(#[case] body: &str) {
        let found = pieces(body.as_bytes(), 5).unwrap();
        assert!(!found.contains(&"end".to_owned()), "{found:?}");
    }

    #[rstest]
    #[case("--B\r\nContent-Type: text/plain\r\n\r\nx", "a part has no name")]
    #[case(
        "--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx",
        "a part has no name"
    )]
    fn what_is_no_part_is_refused(#[case] body: &str, #[case] why: &'static str) {
        assert_eq!(pieces(body.as_bytes(), 9), Err(InvalidMultipart(why)));
    }

    #[rstest]
    #[case("inline;filename=abc.tar.gz", Some("abc.tar.gz"))]
    #[case("form-data; name=\"x; filename=y\"; filename=\"z\"", Some("z"))]
    #[case("inline", None)]
    fn a_parameter_is_found_quoted_or_not(#[case] header: &str, #[case] value: Option<&str>) {
        assert_eq!(parameter(header, "filename").as_deref(), value);
    }
}
