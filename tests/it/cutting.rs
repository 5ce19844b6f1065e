//! A proxy on loopback that cuts connections at random points, or lets nothing through.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::seed::Chance;

/// Where a server listens.
#[derive(Debug, Clone)]
pub enum Address {
    Unix(PathBuf),
    Tcp(String),
}

/// How often, and after how many bytes.
#[derive(Debug)]
struct Cuts {
    chance: Chance,
    left: usize,
    /// A cut comes within so many bytes.
    within: usize,
    /// How many more bytes pass before the next one.
    next: usize,
    made: usize,
}

impl Cuts {
    fn draw(&mut self) {
        // Every other one soon: most requests are small, and an archive is large.
        let small = self.chance.below(2) == 0;
        let within = if small {
            self.within.min(4096)
        } else {
            self.within
        };
        self.next = 1 + self.chance.below(within);
    }

    /// How many of so many bytes pass, and whether the connection is cut then.
    fn pass(&mut self, count: usize) -> (usize, bool) {
        if self.left == 0 {
            return (count, false);
        }
        if count < self.next {
            self.next -= count;
            return (count, false);
        }
        let passed = self.next;
        self.left -= 1;
        self.made += 1;
        self.draw();
        (passed, true)
    }
}

/// A proxy that runs until the process ends.
pub struct Proxy {
    cuts: Arc<Mutex<Cuts>>,
    /// Where it listens.
    pub port: u16,
}

impl Proxy {
    /// Cuts so many connections, each within so many bytes of the cut before.
    fn cuts(chance: Chance, left: usize, within: usize) -> Arc<Mutex<Cuts>> {
        let mut cuts = Cuts {
            chance,
            left,
            within,
            next: 0,
            made: 0,
        };
        cuts.draw();
        Arc::new(Mutex::new(cuts))
    }

    /// A proxy on a UNIX socket.
    pub fn unix(at: &Path, to: &Path, chance: Chance, (left, within): (usize, usize)) -> Self {
        let cuts = Self::cuts(chance, left, within);
        let listener = UnixListener::bind(at).unwrap();
        let (shared, to) = (cuts.clone(), Address::Unix(to.to_owned()));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                join(&Stream::Unix(stream), &to, &shared);
            }
        });
        Self { cuts, port: 0 }
    }

    /// A proxy on a port of loopback.
    pub fn tcp(to: &str, chance: Chance, (left, within): (usize, usize)) -> Self {
        let cuts = Self::cuts(chance, left, within);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (shared, to) = (cuts.clone(), Address::Tcp(to.to_owned()));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                join(&Stream::Tcp(stream), &to, &shared);
            }
        });
        Self { cuts, port }
    }

    /// How many connections were cut.
    pub fn made(&self) -> usize {
        self.cuts.lock().unwrap().made
    }
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn connect(to: &Address) -> std::io::Result<Self> {
        match to {
            Address::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Address::Tcp(address) => TcpStream::connect(address).map(Self::Tcp),
        }
    }

    fn double(&self) -> Self {
        match self {
            Self::Unix(stream) => Self::Unix(stream.try_clone().unwrap()),
            Self::Tcp(stream) => Self::Tcp(stream.try_clone().unwrap()),
        }
    }

    fn shut(&self, how: Shutdown) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        };
    }

    fn get(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(into),
            Self::Tcp(stream) => stream.read(into),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

fn join(client: &Stream, to: &Address, cuts: &Arc<Mutex<Cuts>>) {
    let Ok(server) = Stream::connect(to) else {
        return client.shut(Shutdown::Both);
    };
    for (from, to) in [(client, &server), (&server, client)] {
        let (from, to, cuts) = (from.double(), to.double(), cuts.clone());
        thread::spawn(move || carry(from, to, &cuts));
    }
}

fn carry(mut from: Stream, mut to: Stream, cuts: &Mutex<Cuts>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = from.get(&mut buffer) {
        if count == 0 {
            return to.shut(Shutdown::Write);
        }
        let (passed, cut) = cuts.lock().unwrap().pass(count);
        if to.put(&buffer[..passed]).is_err() || cut {
            break;
        }
    }
    from.shut(Shutdown::Both);
    to.shut(Shutdown::Both);
}
