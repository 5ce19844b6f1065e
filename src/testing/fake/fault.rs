//! What can be made to go wrong.

/// A fault, used up by the first thing that it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The next request of this method whose path contains this text is refused.
    Refuse(&'static str, &'static str, u16, &'static str),
    /// The connection of the next request of this method whose path contains this text is dropped.
    Reset(&'static str, &'static str),
    /// The next operation whose description contains this text fails with this message; what it was
    /// to do is not done.
    Fail(&'static str, &'static str),
    /// The next operation whose description contains this text is done and forgotten at once, as
    /// after a restart.
    Vanish(&'static str),
    /// The body of the next export breaks off after this many bytes.
    CutBody(usize),
    /// The body of the next export ends cleanly after this many bytes, with an error appended.
    ErrorInBody(usize),
    /// One bit of the next export is flipped at this byte.
    FlipBit(usize),
    /// The body of the next export stops after this many bytes and never ends.
    Stall(usize),
}
