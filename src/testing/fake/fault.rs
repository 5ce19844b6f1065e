//! What can be made to go wrong, by name.
//!
//! A fault is written as text in tables of tests: its name, and after a colon what it needs.
//!
//! | text | what happens |
//! |---|---|
//! | `refuse:METHOD PATH:CODE:MESSAGE` | the request is refused |
//! | `reset:METHOD PATH` | the connection of the request is dropped |
//! | `spare:METHOD PATH` | nothing: what comes later in a list strikes the one after |
//! | `error-in-200:METHOD PATH:MESSAGE` | the answer says 200 and holds an error |
//! | `unavailable:COUNT` | the next requests are answered 503 |
//! | `restart:METHOD PATH` | every connection is dropped, operations are gone, nobody listens for a while |
//! | `fail:OPERATION:MESSAGE` | the operation fails, nothing is done |
//! | `vanished:OPERATION` | the operation is done and forgotten at once |
//! | `hang:OPERATION` | the operation never ends, nothing is done |
//! | `disk-full:OPERATION` | the server's disk is full during the operation |
//! | `truncated:BYTES` | the body of an export breaks off |
//! | `error-in-body:BYTES` | the body of an export ends cleanly, with an error appended |
//! | `flipped:BYTE` | one bit of an export is another |
//! | `stall:BYTES` | the body of an export stops and never ends |
//! | `slow:BYTES` | bodies of exports come at so many bytes a second, from now on |
//! | `late:METHOD PATH` | the request is done at once and answered a second later |
//! | `silent:COUNT` | so many requests are answered, and from then on none: the next one is not done |
//! | `mute:COUNT` | the same, but the next one is done |
//! | `import-refused:BYTES` | the import is refused after so much of it came |
//! | `refused-at:COUNT` | so many requests are answered, and the next one is refused |
//! | `dropped-at:COUNT` | the same, but the next one's connection is dropped while it is sent |
//! | `lost-at:COUNT` | the same, but the next one is done, and its answer is lost |
//! | `cut-at:COUNT` | the same, but the next one is done, and its answer breaks off half way |
//!
//! PATH is a part of the path, or its end where it ends in `$`; OPERATION is a part of the
//! operation's description.

/// A fault. Used up by the first thing that it fits, but for [`Fault::Slow`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The next request of this method whose path contains this text is refused.
    Refuse(&'static str, &'static str, u16, &'static str),
    /// The connection of the next request of this method whose path contains this text is dropped.
    Reset(&'static str, &'static str),
    /// Nothing befalls the next request of this method whose path contains this text.
    Spare(&'static str, &'static str),
    /// The next request of this method whose path contains this text is answered by an error in a 200.
    ErrorIn200(&'static str, &'static str, &'static str),
    /// So many of the next requests are answered 503.
    Unavailable(usize),
    /// The daemon is restarted when the next request of this method comes whose path contains this
    /// text: nothing is answered, every connection is dropped, every operation is gone, and for a
    /// while nobody listens.
    Restart(&'static str, &'static str),
    /// The next operation whose description contains this text fails with this message; what it was
    /// to do is not done.
    Fail(&'static str, &'static str),
    /// The next operation whose description contains this text is done and forgotten at once, as
    /// after a restart.
    Vanish(&'static str),
    /// The next operation whose description contains this text never ends.
    Hang(&'static str),
    /// The server's disk is full during the next operation whose description contains this text.
    DiskFull(&'static str),
    /// The body of the next export breaks off after this many bytes.
    CutBody(usize),
    /// The body of the next export ends cleanly after this many bytes, with an error appended.
    ErrorInBody(usize),
    /// One bit of the next export is flipped at this byte.
    FlipBit(usize),
    /// The body of the next export stops after this many bytes and never ends.
    Stall(usize),
    /// Bodies of exports come at this many bytes a second.
    Slow(usize),
    /// The next request of this method whose path contains this text is done at once and answered a
    /// second later.
    Late(&'static str, &'static str),
    /// After so many requests nothing is answered any more; whether the first of those is done.
    Silent(usize, bool),
    /// The next import is refused after this many bytes of it.
    ImportRefused(usize),
    /// After so many requests that are answered this befalls the next one.
    At(usize, Strike),
}

/// What befalls one request, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// It is refused, and not done.
    Refused,
    /// Its connection is dropped while it is sent: it is not done.
    Dropped,
    /// It is done, and its connection dropped before it is answered.
    Lost,
    /// It is done, and its answer breaks off half way.
    Cut,
}

/// A text that names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fault")]
pub struct UnknownFault(pub &'static str);

impl Fault {
    /// Reads a fault from its text.
    pub fn parse(text: &'static str) -> Result<Self, UnknownFault> {
        Self::read(text).ok_or(UnknownFault(text))
    }

    fn read(text: &'static str) -> Option<Self> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let number = || rest.parse().ok();
        let request = |text: &'static str| text.split_once(' ');
        Some(match name {
            "refuse" => {
                let (asked, rest) = rest.split_once(':')?;
                let (code, message) = rest.split_once(':')?;
                let (method, path) = request(asked)?;
                Self::Refuse(method, path, code.parse().ok()?, message)
            }
            "reset" => request(rest).map(|(method, path)| Self::Reset(method, path))?,
            "spare" => request(rest).map(|(method, path)| Self::Spare(method, path))?,
            "error-in-200" => {
                let (asked, message) = rest.split_once(':')?;
                let (method, path) = request(asked)?;
                Self::ErrorIn200(method, path, message)
            }
            "unavailable" => Self::Unavailable(number()?),
            "restart" => request(rest).map(|(method, path)| Self::Restart(method, path))?,
            "fail" => rest
                .split_once(':')
                .map(|(what, message)| Self::Fail(what, message))?,
            "vanished" => Self::Vanish(rest),
            "hang" => Self::Hang(rest),
            "disk-full" => Self::DiskFull(rest),
            "truncated" => Self::CutBody(number()?),
            "error-in-body" => Self::ErrorInBody(number()?),
            "flipped" => Self::FlipBit(number()?),
            "stall" => Self::Stall(number()?),
            "slow" => Self::Slow(number()?),
            "late" => request(rest).map(|(method, path)| Self::Late(method, path))?,
            "silent" => Self::Silent(number()?, false),
            "mute" => Self::Silent(number()?, true),
            "import-refused" => Self::ImportRefused(number()?),
            "refused-at" => Self::At(number()?, Strike::Refused),
            "dropped-at" => Self::At(number()?, Strike::Dropped),
            "lost-at" => Self::At(number()?, Strike::Lost),
            "cut-at" => Self::At(number()?, Strike::Cut),
            _ => return None,
        })
    }

    /// Whether it strikes a request before anything is done.
    pub(super) fn strikes(&self, method: &str, path: &str) -> bool {
        match self {
            Self::Refuse(of, at, ..)
            | Self::Reset(of, at)
            | Self::Spare(of, at)
            | Self::ErrorIn200(of, at, _)
            | Self::Restart(of, at) => method == *of && is_at(path, at),
            Self::Unavailable(_) => true,
            _ => false,
        }
    }

    /// Whether it delays the answer to a request.
    pub(super) fn delays(&self, method: &str, path: &str) -> bool {
        matches!(self, Self::Late(of, at) if method == *of && is_at(path, at))
    }

    /// Whether it strikes an operation.
    pub(super) fn spoils(&self, description: &str) -> bool {
        match self {
            Self::Fail(text, _) | Self::Vanish(text) | Self::Hang(text) | Self::DiskFull(text) => {
                description.contains(text)
            }
            _ => false,
        }
    }
}

/// Whether a path contains a text; a `$` at the text's end stands for the path's end.
fn is_at(path: &str, text: &str) -> bool {
    match text.strip_suffix('$') {
        Some(end) => path.ends_with(end),
        None => path.contains(text),
    }
}

/// What a server says whose disk is full, in an operation of this description; nothing where it
/// says nothing and hangs. Seen on 6.0.4 and 7.0.2.
pub(super) fn disk_full(description: &str, named_backups_hang: bool) -> Option<String> {
    let lab = "/var/lib/incus";
    Some(match description {
        // The tar writer waits for ever for whoever should have read it.
        "Backing up instance" if named_backups_hang => return None,
        "Backing up instance" => format!(
            "Backup create: Error adding \"{lab}/storage-pools/default/containers/c/rootfs/x\" as \
             \"backup/container/rootfs/x\" to tarball: Failed to copy file content \
             \"{lab}/storage-pools/default/containers/c/rootfs/x\": write \
             {lab}/backups/instances/c/b: no space left on device"
        ),
        "Restoring backup" => format!(
            "Create instance from backup: Error starting unpack: Failed to run: tar -xf - \
             --xattrs-include=* --restrict --force-local --numeric-owner -C \
             {lab}/storage-pools/default/containers/c --strip-components=2 backup/container: exit \
             status 2 (tar: rootfs/x: Wrote only 5120 of 10240 bytes\ntar: rootfs/y: Cannot write: \
             No space left on device\ntar: Exiting with failure status due to previous errors)"
        ),
        "Creating instance" => "Create instance from copy: Create instance volume from copy \
             failed: Unable to unpack image, run out of disk space"
            .to_owned(),
        _ => "no space left on device".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "refuse:PUT /state:500:not today",
        Some(Fault::Refuse("PUT", "/state", 500, "not today"))
    )]
    #[case("reset:GET /wait", Some(Fault::Reset("GET", "/wait")))]
    #[case("spare:GET /wait", Some(Fault::Spare("GET", "/wait")))]
    #[case(
        "error-in-200:GET /1.0:no",
        Some(Fault::ErrorIn200("GET", "/1.0", "no"))
    )]
    #[case("unavailable:3", Some(Fault::Unavailable(3)))]
    #[case("restart:POST /instances", Some(Fault::Restart("POST", "/instances")))]
    #[case("fail:Deleting:busy", Some(Fault::Fail("Deleting", "busy")))]
    #[case("vanished:Backing up", Some(Fault::Vanish("Backing up")))]
    #[case("hang:Backing up", Some(Fault::Hang("Backing up")))]
    #[case("disk-full:Restoring", Some(Fault::DiskFull("Restoring")))]
    #[case("truncated:9", Some(Fault::CutBody(9)))]
    #[case("error-in-body:9", Some(Fault::ErrorInBody(9)))]
    #[case("flipped:9", Some(Fault::FlipBit(9)))]
    #[case("stall:9", Some(Fault::Stall(9)))]
    #[case("slow:9", Some(Fault::Slow(9)))]
    #[case("late:POST /instances", Some(Fault::Late("POST", "/instances")))]
    #[case("import-refused:9", Some(Fault::ImportRefused(9)))]
    #[case("lost-at:9", Some(Fault::At(9, Strike::Lost)))]
    #[case("truncated", None)]
    #[case("truncated:x", None)]
    #[case("reset:GET", None)]
    #[case("flood", None)]
    fn a_fault_is_read_by_its_name(#[case] text: &'static str, #[case] fault: Option<Fault>) {
        assert_eq!(Fault::parse(text).ok(), fault);
    }
}
