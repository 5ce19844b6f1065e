//! The question for a password.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{Terminal, escape};
use crate::incus::{AskPassword, PasswordError};
use crate::model::Secret;
use crate::progress::Cancel;
use crate::target::AskHolder;

/// Asks for passwords on the terminal, without showing them.
#[derive(Debug)]
pub struct PasswordPrompt {
    at_terminal: bool,
    /// How the terminal was before it was made silent.
    before: Mutex<Option<Termios>>,
    /// Whoever is asked may stop the run instead.
    cancel: Cancel,
}

impl PasswordPrompt {
    /// A prompt on standard input and standard error, which both must be terminals.
    pub fn new(terminal: &Terminal, cancel: Cancel) -> Self {
        Self {
            at_terminal: terminal.stdin_is_terminal && terminal.stderr_is_terminal,
            before: Mutex::new(None),
            cancel,
        }
    }

    /// Leaves the terminal as it was. Whoever ends while a question waits says so.
    pub fn leave(&self) {
        if let Some(before) = self.before().take() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
            let _ = writeln!(io::stderr());
        }
    }

    fn before(&self) -> MutexGuard<'_, Option<Termios>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what is typed invisible, and forgets what was typed before.
    fn silence(&self) -> io::Result<()> {
        let mut modes = tcgetattr(io::stdin())?;
        *self.before() = Some(modes.clone());
        modes.local_modes.remove(LocalModes::ECHO);
        Ok(tcsetattr(io::stdin(), OptionalActions::Flush, &modes)?)
    }
}

impl PasswordPrompt {
    /// Asks for what is not shown; nothing where it is not given.
    fn ask_silently(&self, question: &str) -> Option<Secret> {
        let asked = || {
            self.silence()?;
            put_question(question)?;
            read_line(&self.cancel)
        };
        let answered = asked();
        self.leave();
        answered.ok().flatten()
    }

    /// Asks for what is shown; nothing where nobody can be asked.
    fn ask_aloud(&self, question: &str) -> Option<String> {
        if !self.at_terminal {
            return None;
        }
        put_question(question).ok()?;
        let line = read_line(&self.cancel).ok()??;
        Some(String::from_utf8_lossy(line.reveal()).trim().to_owned())
    }
}

fn put_question(question: &str) -> io::Result<()> {
    let mut out = io::stderr();
    write!(out, "{}: ", escape(question))?;
    out.flush()
}

impl AskPassword for PasswordPrompt {
    fn ask(&self, key: &Path) -> Result<Secret, PasswordError> {
        if !self.at_terminal {
            return Err(PasswordError::NoTerminal);
        }
        let question = format!("Password of `{}`", key.display());
        self.ask_silently(&question).ok_or(PasswordError::NotGiven)
    }
}

impl AskHolder for PasswordPrompt {
    fn show(&self, message: &str) {
        let _ = writeln!(io::stderr(), "{}", escape(message));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let question = format!("{message} [{yes}/{}]", no.unwrap_or("no"));
        let answer = self.ask_aloud(&question)?.to_lowercase();
        Some(answer == "y" || answer == "yes" || answer == yes.to_lowercase())
    }

    fn text(&self, question: &str) -> Option<String> {
        self.ask_aloud(question)
    }

    fn passphrase(&self, question: &str) -> Option<Secret> {
        if !self.at_terminal {
            return None;
        }
        self.ask_silently(question)
    }
}

/// How long it is waited for an answer, until it is looked whether the run was stopped.
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Reads a line past all buffers; nothing where it does not end, or the run is stopped.
fn read_line(cancel: &Cancel) -> io::Result<Option<Secret>> {
    // So long that it never moves, which would leave what is in it behind.
    let mut line = Zeroizing::new(Vec::with_capacity(4096));
    let mut byte = Zeroizing::new([0; 1]);
    loop {
        let input = io::stdin();
        match poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&WAIT)) {
            _ if cancel.is_cancelled() => return Ok(None),
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            polled => polled?,
        };
        let count = match rustix::io::read(io::stdin(), &mut *byte) {
            Err(rustix::io::Errno::INTR) => continue,
            read => read?,
        };
        match (count, byte[0]) {
            (0, _) => return Ok(None),
            (_, b'\n') => return Ok(Some(Secret::new(std::mem::take(&mut *line)))),
            (_, typed) => line.push(typed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_nothing_is_asked() {
        let prompt = PasswordPrompt::new(&Terminal::none(), Cancel::new());
        let asked = prompt.ask(Path::new("client.key"));
        assert!(matches!(asked, Err(PasswordError::NoTerminal)));
    }
}
