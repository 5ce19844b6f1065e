//! One pass over a tar: checked, rewritten where asked, handed on.

use std::io::{self, Write};

use serde_yaml::Value;

use super::ArchiveError;
use super::check::Check;
use super::header::{BLOCK, Header, Records, padded, set_size};
use super::index::{INDEX, Index, LIMIT};
use super::rewrite::Edit;
use crate::model::Bytes;
use crate::yaml::{self, Aliases};

/// How much of a server's error text is kept.
const SAYING: usize = 4096;

/// What an archive was found to hold.
#[derive(Debug)]
pub struct Contents {
    /// What it is, as the server wrote it (before any rewriting).
    pub index: Index,
    /// How many members it has.
    pub members: u64,
    /// The size of the tar that came in.
    pub received: Bytes,
    /// The size of the tar that was handed on.
    pub size: Bytes,
}

/// What the next bytes are.
enum State {
    /// A header, or the end.
    Header,
    /// The body of a PAX or GNU header, which belongs to the next one.
    Meta { header: Header, left: u64 },
    /// More of the map of a GNU sparse file; then its body.
    SparseMap { body: u64 },
    /// A body that is handed on.
    Body { left: u64 },
    /// The body of a document.
    Document {
        name: &'static str,
        size: usize,
        left: u64,
    },
    /// The first zero block was seen.
    FirstEnd,
    /// Both were; only zeros may follow.
    End,
    /// An error was told: nothing that follows is taken.
    Failed,
}

/// Takes a tar as it comes, in whatever pieces.
pub struct Pass<W> {
    out: W,
    edit: Option<Box<dyn Edit + Send>>,
    state: State,
    block: [u8; BLOCK],
    filled: usize,
    /// Raw headers that belong to the next member, and for a document its own.
    pending: Vec<u8>,
    records: Records,
    body: Vec<u8>,
    index: Option<(Index, Check)>,
    config_seen: bool,
    members: u64,
    received: u64,
    sent: u64,
    /// What follows the end though nothing should.
    saying: Vec<u8>,
}

impl<W> std::fmt::Debug for Pass<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Pass<W> {
    /// Hands a tar on to `out`, rewritten by `edit`.
    pub fn new(out: W, edit: Option<Box<dyn Edit + Send>>) -> Self {
        Self {
            out,
            edit,
            state: State::Header,
            block: [0; BLOCK],
            filled: 0,
            pending: Vec::new(),
            records: Records::default(),
            body: Vec::new(),
            index: None,
            config_seen: false,
            members: 0,
            received: 0,
            sent: 0,
            saying: Vec::new(),
        }
    }

    /// What the archive says of itself, once that has come.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref().map(|(index, _)| index)
    }

    /// Ends the pass: fails unless the archive is complete and keeps what its index promises.
    pub fn finish(mut self) -> Result<(W, Contents), ArchiveError> {
        if !self.saying.is_empty() {
            return Err(said(&self.saying).unwrap_or(ArchiveError::Trailing));
        }
        if !matches!(self.state, State::End) {
            let begun = &self.block[..self.filled];
            return Err(said(begun).unwrap_or(ArchiveError::Truncated(self.received)));
        }
        // What the blocks of the end leave over are zeros too.
        let rest = std::mem::take(&mut self.filled);
        let end = self.block;
        if end[..rest].iter().any(|byte| *byte != 0) {
            return Err(said(&end[..rest]).unwrap_or(ArchiveError::Trailing));
        }
        self.forward(&end[..rest])?;
        let Some((index, check)) = self.index else {
            return Err(ArchiveError::NoIndex(String::new()));
        };
        check.finish()?;
        let contents = Contents {
            index,
            members: self.members,
            received: Bytes(self.received),
            size: Bytes(self.sent),
        };
        Ok((self.out, contents))
    }

    fn forward(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.out.write_all(bytes).map_err(ArchiveError::Write)?;
        self.sent += bytes.len() as u64;
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize, ArchiveError> {
        match &mut self.state {
            State::Body { left } => {
                let count = at_most(*left, bytes.len());
                *left -= count as u64;
                if *left == 0 {
                    self.state = State::Header;
                }
                self.forward(&bytes[..count])?;
                Ok(count)
            }
            State::Meta { left, .. } => {
                let count = at_most(*left, bytes.len());
                *left -= count as u64;
                let done = *left == 0;
                self.body.extend_from_slice(&bytes[..count]);
                if done {
                    self.end_of_meta()?;
                }
                Ok(count)
            }
            State::Document { left, .. } => {
                let count = at_most(*left, bytes.len());
                *left -= count as u64;
                let done = *left == 0;
                self.body.extend_from_slice(&bytes[..count]);
                if done {
                    self.end_of_document()?;
                }
                Ok(count)
            }
            State::Failed => Err(ArchiveError::Truncated(self.received)),
            _ => {
                let count = (BLOCK - self.filled).min(bytes.len());
                self.block[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
                self.filled += count;
                if self.filled == BLOCK {
                    self.filled = 0;
                    self.end_of_block()?;
                }
                Ok(count)
            }
        }
    }

    fn end_of_block(&mut self) -> Result<(), ArchiveError> {
        let block = self.block;
        let zero = block.iter().all(|byte| *byte == 0);
        match (&self.state, zero) {
            (State::Header, true) if self.pending.is_empty() => self.state = State::FirstEnd,
            (State::FirstEnd, true) => self.state = State::End,
            (State::End, true) => {}
            (State::End | State::FirstEnd, false) => {
                self.saying.extend_from_slice(&block);
                return Ok(());
            }
            (State::SparseMap { body }, _) => {
                let body = *body;
                if block[504] == 0 {
                    self.state = State::Body { left: body };
                    self.skip_empty_body();
                }
            }
            _ => return self.header(&block),
        }
        self.forward(&block)
    }

    fn bad_header(&self, reason: &'static str) -> ArchiveError {
        let offset = self.received.saturating_sub(BLOCK as u64);
        ArchiveError::Header { offset, reason }
    }

    fn header(&mut self, block: &[u8; BLOCK]) -> Result<(), ArchiveError> {
        let mut header = Header::parse(block)
            .map_err(|reason| said(block).unwrap_or_else(|| self.bad_header(reason)))?;
        let meta = matches!(header.kind, b'x' | b'g' | b'L' | b'K');
        if let Some(size) = self.records.size.filter(|_| !meta) {
            header.size = size;
        }
        let size = if header.has_body() { header.size } else { 0 };
        let left = padded(size).ok_or_else(|| self.bad_header("a size is too large"))?;
        if meta {
            if size > LIMIT || self.pending.len() as u64 > 4 * LIMIT {
                return Err(self.bad_header("a PAX header is too large"));
            }
            self.pending.extend_from_slice(block);
            self.state = State::Meta { header, left };
            if left == 0 {
                self.end_of_meta()?;
            }
            return Ok(());
        }
        std::mem::take(&mut self.records).apply(&mut header);
        self.members += 1;
        if let Some(name) = self.document(&header)? {
            if size > LIMIT {
                return Err(ArchiveError::DocumentSize { name, size });
            }
            self.pending.extend_from_slice(block);
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            self.state = State::Document { name, size, left };
            if left == 0 {
                self.end_of_document()?;
            }
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        self.forward(&pending)?;
        self.forward(block)?;
        self.state = if header.extended {
            State::SparseMap { body: left }
        } else {
            State::Body { left }
        };
        self.skip_empty_body();
        Ok(())
    }

    fn skip_empty_body(&mut self) {
        if matches!(self.state, State::Body { left: 0 }) {
            self.state = State::Header;
        }
    }

    /// Checks a member's place, and says which document it is, if it is one.
    fn document(&mut self, header: &Header) -> Result<Option<&'static str>, ArchiveError> {
        let Some((index, check)) = &mut self.index else {
            if header.path == INDEX.as_bytes() && header.is_file() {
                return Ok(Some(INDEX));
            }
            let name = String::from_utf8_lossy(&header.path).into_owned();
            return Err(ArchiveError::NoIndex(name));
        };
        check.member(header)?;
        for name in std::iter::once(INDEX).chain(index.content.repeated()) {
            if header.path == name.as_bytes() {
                if name == INDEX || self.config_seen {
                    return Err(ArchiveError::Twice(name));
                }
                if !header.is_file() {
                    return Err(ArchiveError::Key { name, key: "body" });
                }
                return Ok((!index.optimized).then_some(name));
            }
        }
        Ok(None)
    }

    fn end_of_meta(&mut self) -> Result<(), ArchiveError> {
        let State::Meta { header, .. } = std::mem::replace(&mut self.state, State::Header) else {
            return Ok(());
        };
        let body = std::mem::take(&mut self.body);
        self.pending.extend_from_slice(&body);
        let size = usize::try_from(header.size)
            .unwrap_or(usize::MAX)
            .min(body.len());
        self.records
            .take(header.kind, &body[..size])
            .map_err(|reason| self.bad_header(reason))?;
        Ok(())
    }

    fn end_of_document(&mut self) -> Result<(), ArchiveError> {
        let state = std::mem::replace(&mut self.state, State::Header);
        let State::Document { name, size, .. } = state else {
            return Ok(());
        };
        let body = std::mem::take(&mut self.body);
        let changed = if name == INDEX {
            let index = Index::parse(&body[..size])?;
            let mut document = index.document.clone();
            let edited = match &mut self.edit {
                // Of an optimized instance the truth is inside the stream, which cannot be changed.
                Some(edit) if !index.optimized || index.content.repeated().is_none() => {
                    edit.index(&mut document)?;
                    if let Some(config) = document.get_mut("config") {
                        edit.config(config)?;
                    }
                    Some(document)
                }
                _ => None,
            };
            let check = Check::new(&index);
            self.index = Some((index, check));
            // The index itself is a member too; its check can only pass.
            edited
        } else {
            self.config_seen = true;
            let parsed = yaml::parse(&body[..size], Aliases::Refused);
            let mut document: Value =
                parsed.map_err(|cause| ArchiveError::Document { name, cause })?;
            let same = self
                .index
                .as_ref()
                .is_some_and(|(index, _)| *index.config() == document);
            if !same {
                return Err(ArchiveError::Differs);
            }
            match &mut self.edit {
                Some(edit) => {
                    edit.config(&mut document)?;
                    Some(document)
                }
                None => None,
            }
        };
        self.hand_on_document(name, &body, changed)
    }

    fn hand_on_document(
        &mut self,
        name: &'static str,
        body: &[u8],
        changed: Option<Value>,
    ) -> Result<(), ArchiveError> {
        let mut pending = std::mem::take(&mut self.pending);
        let Some(document) = changed else {
            self.forward(&pending)?;
            return self.forward(body);
        };
        let text = serde_saphyr::to_string(&document).map_err(|cause| ArchiveError::Rewrite {
            name,
            cause: Box::new(cause),
        })?;
        if text.len() as u64 > LIMIT {
            return Err(ArchiveError::DocumentSize {
                name,
                size: text.len() as u64,
            });
        }
        // A PAX header before a document could say another size; the server writes none.
        if pending.len() != BLOCK {
            let cause = "it has extended headers".into();
            return Err(ArchiveError::Rewrite { name, cause });
        }
        if let Some(block) = pending.first_chunk_mut::<BLOCK>() {
            set_size(block, text.len() as u64);
        }
        self.forward(&pending)?;
        self.forward(text.as_bytes())?;
        let zeros = [0; BLOCK];
        self.forward(&zeros[..text.len().next_multiple_of(BLOCK) - text.len()])
    }
}

fn at_most(left: u64, available: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(available)
}

/// The error that a server appends to a stream that it gives up, if that is what these bytes are.
fn said(bytes: &[u8]) -> Option<ArchiveError> {
    if !bytes.starts_with(b"{") {
        return None;
    }
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let said: Option<serde_json::Value> = serde_json::from_str(text.trim()).ok();
    let message = said
        .as_ref()
        .and_then(|said| said["error"].as_str())
        .map(str::to_owned);
    Some(ArchiveError::Server(message.unwrap_or(text)))
}

impl<W: Write> Write for Pass<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if !self.saying.is_empty() {
                let room = SAYING.saturating_sub(self.saying.len()).min(rest.len());
                self.saying.extend_from_slice(&rest[..room]);
                self.received += rest.len() as u64;
                return Ok(bytes.len());
            }
            // Counted first, so that an error can say where it is.
            let before = self.received;
            let room = (BLOCK - self.filled).min(rest.len()) as u64;
            self.received += room;
            let count = match self.take(rest) {
                Ok(count) => count,
                Err(error) => {
                    self.state = State::Failed;
                    return Err(error.into());
                }
            };
            self.received = before + count as u64;
            rest = &rest[count..];
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
