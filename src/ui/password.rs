//! The question for a password.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{Terminal, escape};
use crate::incus::{AskPassword, PasswordError};
use crate::model::Secret;

/// Asks for passwords on the terminal, without showing them.
#[derive(Debug)]
pub struct PasswordPrompt {
    at_terminal: bool,
    /// How the terminal was before it was made silent.
    before: Mutex<Option<Termios>>,
}

impl PasswordPrompt {
    /// A prompt on standard input and standard error, which both must be terminals.
    pub fn new(terminal: &Terminal) -> Self {
        Self {
            at_terminal: terminal.stdin_is_terminal && terminal.stderr_is_terminal,
            before: Mutex::new(None),
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

impl AskPassword for PasswordPrompt {
    fn ask(&self, key: &Path) -> Result<Secret, PasswordError> {
        if !self.at_terminal {
            return Err(PasswordError::NoTerminal);
        }
        let asked = || {
            self.silence()?;
            let mut out = io::stderr();
            let name = key.display().to_string();
            write!(out, "Password of `{}`: ", escape(&name))?;
            out.flush()?;
            read_line()
        };
        let answered = asked();
        self.leave();
        match answered {
            Ok(Some(password)) => Ok(password),
            Ok(None) | Err(_) => Err(PasswordError::NotGiven),
        }
    }
}

/// Reads a line past all buffers; nothing where it does not end.
fn read_line() -> io::Result<Option<Secret>> {
    // So long that it never moves, which would leave what is in it behind.
    let mut line = Zeroizing::new(Vec::with_capacity(4096));
    let mut byte = Zeroizing::new([0; 1]);
    loop {
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
        let prompt = PasswordPrompt::new(&Terminal::none());
        let asked = prompt.ask(Path::new("client.key"));
        assert!(matches!(asked, Err(PasswordError::NoTerminal)));
    }
}
