//! Programs on a terminal of the test's own.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::lab::until;

/// A terminal, and what was written to it.
pub struct TestTerminal {
    own: File,
    theirs: File,
    said: Arc<Mutex<Vec<u8>>>,
}

impl TestTerminal {
    pub fn open() -> Self {
        let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&own).unwrap();
        unlockpt(&own).unwrap();
        let name = ptsname(&own, Vec::new()).unwrap();
        let theirs = OpenOptions::new()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let own = File::from(own);
        let said = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, heard) = (own.try_clone().unwrap(), said.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                heard.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { own, theirs, said }
    }

    /// Runs a program on it; its results go elsewhere.
    pub fn run(&self, command: &mut Command) -> Child {
        command
            .stdin(self.theirs.try_clone().unwrap())
            .stderr(self.theirs.try_clone().unwrap())
            .spawn()
            .unwrap()
    }

    /// What was written to it so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// Waits for something to be written, and types a line.
    pub fn answer(&self, question: &str, line: &str) {
        self.wait_for(question);
        (&self.own)
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
    }

    pub fn wait_for(&self, text: &str) {
        until(30, text, || self.said().contains(text));
    }

    /// Whether what is typed is shown.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.theirs).unwrap();
        modes.local_modes.contains(LocalModes::ECHO)
    }
}
