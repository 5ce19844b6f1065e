//! What the standard streams are.

use std::io::{IsTerminal as _, stderr, stdin, stdout};

use jiff::tz::TimeZone;

/// Whether colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Colours repeat what words say.
    On,
    /// Plain text.
    Off,
}

/// What the standard streams are, and who sits there.
#[derive(Debug, Clone)]
pub struct Terminal {
    /// Whether answers can be typed.
    pub stdin_is_terminal: bool,
    /// Whether results are read by a person.
    pub stdout_is_terminal: bool,
    /// Whether progress, questions and messages are read by a person.
    pub stderr_is_terminal: bool,
    /// Whether colour is wanted where it is possible.
    pub colour: Colour,
    /// How many columns the terminal has, where there is one.
    pub width: Option<u16>,
    /// The zone in which tables tell the time.
    pub zone: TimeZone,
}

impl Terminal {
    /// Looks at the standard streams. The caller knows of `NO_COLOR`.
    pub fn detect(colour: Colour) -> Self {
        Self {
            stdin_is_terminal: stdin().is_terminal(),
            stdout_is_terminal: stdout().is_terminal(),
            stderr_is_terminal: stderr().is_terminal(),
            colour,
            width: width(),
            zone: TimeZone::system(),
        }
    }

    /// No terminal anywhere, and UTC: what scripts and tests see.
    pub fn none() -> Self {
        Self {
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            colour: Colour::Off,
            width: None,
            zone: TimeZone::UTC,
        }
    }

    /// Whether results are coloured.
    pub fn stdout_colour(&self) -> Colour {
        self.colour_if(self.stdout_is_terminal)
    }

    /// Whether previews, questions and messages are coloured.
    pub fn stderr_colour(&self) -> Colour {
        self.colour_if(self.stderr_is_terminal)
    }

    fn colour_if(&self, is_terminal: bool) -> Colour {
        if is_terminal {
            self.colour
        } else {
            Colour::Off
        }
    }
}

/// The columns of the first standard stream that has any.
fn width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(stdout())
        .or_else(|_| rustix::termios::tcgetwinsize(stderr()))
        .ok()?;
    // A serial line and some containers say 0: unknown.
    (size.ws_col > 0).then_some(size.ws_col)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_only_for_terminals_and_those_who_want_it() {
        let mut terminal = Terminal {
            stdout_is_terminal: true,
            colour: Colour::On,
            ..Terminal::none()
        };
        assert_eq!(terminal.stdout_colour(), Colour::On);
        assert_eq!(terminal.stderr_colour(), Colour::Off);
        terminal.colour = Colour::Off;
        assert_eq!(terminal.stdout_colour(), Colour::Off);
    }
}
