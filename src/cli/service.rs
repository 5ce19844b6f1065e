//! What the manager of a unit is told of a run: `sd_notify(3)`, by hand.
//!
//! The protocol is lines of `KEY=VALUE` in a datagram to the socket that `NOTIFY_SOCKET` names. The units
//! of this program are `Type=oneshot`, of which the manager shows the status while they run and after it.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Bytes;
use crate::progress::{Progress, Task};

/// The manager, where there is one. Nothing of a run depends on it.
#[derive(Debug, Default)]
pub(super) struct Service {
    socket: Option<UnixDatagram>,
    counted: Mutex<Counted>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    of: usize,
    through: usize,
    bytes: Bytes,
}

impl Service {
    /// The manager that listens at an address: a path, or an abstract name after `@`.
    pub(super) fn at(address: Option<&OsStr>) -> Self {
        let socket = address.and_then(|address| match connect(address) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::info!(%error, "the manager of this unit is not told anything");
                None
            }
        });
        Self {
            socket,
            ..Self::default()
        }
    }

    /// Whether anybody listens.
    pub(super) fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// The run has begun, and looks what there is to do.
    pub(super) fn ready(&self) {
        self.say("READY=1\nSTATUS=looking what there is to do");
    }

    /// So many things are to be done.
    pub(super) fn expect(&self, of: usize) {
        let counted = Counted {
            of,
            ..Counted::default()
        };
        *self.lock() = counted;
        self.say(&counted.status());
    }

    /// One of them is through.
    fn through(&self, bytes: u64) {
        let mut counted = self.lock();
        counted.through += 1;
        counted.bytes += Bytes(bytes);
        let status = counted.status();
        drop(counted);
        self.say(&status);
    }

    /// The run was asked to stop.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=interrupted, and cleaning up");
    }

    /// The run is over.
    pub(super) fn ended(&self) {
        let counted = *self.lock();
        let status = match counted.of {
            // Nothing was to be done, or the run failed before: the exit status tells.
            0 => "STATUS=ended".to_owned(),
            _ => counted.status(),
        };
        self.say(&format!("STOPPING=1\n{status}"));
    }

    fn say(&self, text: &str) {
        if let Some(socket) = &self.socket {
            // One that does not listen, or not fast enough, misses it.
            let _ = socket.send(text.as_bytes());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// `STATUS=12 of 40 done, 3.1 GiB`.
    fn status(self) -> String {
        let Self { of, through, bytes } = self;
        let size = match bytes {
            Bytes(0) => String::new(),
            bytes => format!(", {bytes}"),
        };
        format!("STATUS={through} of {of} done{size}")
    }
}

fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    // A manager that is busy holds nothing up.
    socket.set_nonblocking(true)?;
    match address.as_bytes() {
        [b'@', name @ ..] => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        [b'/', ..] => socket.connect(address)?,
        _ => return Err(io::Error::from(io::ErrorKind::Unsupported)),
    }
    Ok(socket)
}

/// A listener that tells the manager, too.
#[derive(Debug)]
pub(super) struct Told {
    inner: Arc<dyn Progress>,
    service: Arc<Service>,
}

impl Told {
    /// The listener, and the manager where there is one.
    pub(super) fn too(inner: Arc<dyn Progress>, service: &Arc<Service>) -> Arc<dyn Progress> {
        if service.is_there() {
            let service = service.clone();
            Arc::new(Self { inner, service })
        } else {
            inner
        }
    }
}

impl Progress for Told {
    fn task(&self, name: &str) -> Box<dyn Task> {
        self.inner.task(name)
    }

    fn warn(&self, message: &str) {
        self.inner.warn(message);
    }

    fn expect(&self, things: usize) {
        self.inner.expect(things);
        if things > 0 {
            self.service.expect(things);
        }
    }

    fn through(&self, bytes: u64) {
        self.inner.through(bytes);
        self.service.through(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 500];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn tells(socket: &UnixDatagram, address: &OsStr) {
        socket
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        let service = Arc::new(Service::at(Some(address)));
        let progress = Told::too(Arc::new(Silent), &service);
        service.ready();
        let ready = "READY=1\nSTATUS=looking what there is to do";
        assert_eq!(heard(socket), ready);
        service.ended();
        assert_eq!(heard(socket), "STOPPING=1\nSTATUS=ended");
        service.expect(2);
        assert_eq!(heard(socket), "STATUS=0 of 2 done");
        progress.through(0);
        assert_eq!(heard(socket), "STATUS=1 of 2 done");
        progress.through(3 << 30);
        assert_eq!(heard(socket), "STATUS=2 of 2 done, 3.0 GiB");
        service.ended();
        assert_eq!(heard(socket), "STOPPING=1\nSTATUS=2 of 2 done, 3.0 GiB");
    }

    #[test]
    fn a_manager_at_a_path_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        tells(&socket, path.as_os_str());
    }

    #[test]
    fn a_manager_at_an_abstract_name_is_told() {
        let name = format!("incus-backup-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        tells(&socket, OsStr::new(&format!("@{name}")));
    }

    #[test]
    fn one_that_is_not_there_or_does_not_listen_is_nobody_s_matter() {
        let folder = tempfile::tempdir().unwrap();
        for address in ["/nowhere/notify", "vsock:2:1", "", "@"] {
            Service::at(Some(OsStr::new(address))).ready();
        }
        assert!(!Service::at(None).is_there());
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let service = Service::at(Some(path.as_os_str()));
        // Its queue is full, and then it is gone.
        for _ in 0..10_000 {
            service.ready();
        }
        drop(socket);
        service.ready();
    }
}
