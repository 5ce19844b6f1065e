//! The one question of a command.

use std::io::{self, BufRead, Write};

use super::{Terminal, escape};
use crate::plan::Consent;

/// Whether the user has agreed beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assent {
    /// Ask.
    Ask,
    /// They said `--yes`: do not ask.
    Yes,
}

/// There is no consent, so nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum NotConfirmed {
    /// There is nobody to ask.
    #[error("not confirmed: there is no terminal to ask on")]
    NoTerminal,
    /// The answer was not yes.
    #[error("not confirmed: nothing was done")]
    Declined,
    /// The question or its answer got lost.
    #[error("not confirmed: cannot ask")]
    Lost(#[source] io::Error),
}

impl NotConfirmed {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoTerminal => Some("look at the plan with `--dry-run`, then agree with `--yes`"),
            Self::Declined | Self::Lost(_) => None,
        }
    }
}

/// Asks for consent to a plan that was shown: `Create 3 backups? [y/N]`.
///
/// `input` is stdin and `output` is stderr.
pub fn confirm(
    question: &str,
    assent: Assent,
    terminal: &Terminal,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<Consent, NotConfirmed> {
    if assent == Assent::Yes {
        return Ok(Consent::given_by_yes());
    }
    ask(question, assent, terminal, input, output)?;
    Ok(Consent::given_by_answer())
}

/// Asks a question that is not about a plan, such as whether a folder should become a target.
///
/// Only `y` and `yes` agree, in either case; the end of input declines.
pub fn ask(
    question: &str,
    assent: Assent,
    terminal: &Terminal,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<(), NotConfirmed> {
    if assent == Assent::Yes {
        return Ok(());
    }
    // A question that goes to a file would wait for an answer that nobody knows to give.
    if !(terminal.stdin_is_terminal && terminal.stderr_is_terminal) {
        return Err(NotConfirmed::NoTerminal);
    }
    let mut answer = String::new();
    let mut exchange = || {
        write!(output, "{} [y/N] ", escape(question))?;
        output.flush()?;
        let length = input.read_line(&mut answer)?;
        if length == 0 {
            // Nobody pressed Enter, so the cursor still stands behind the question.
            writeln!(output)?;
        }
        Ok(())
    };
    exchange().map_err(NotConfirmed::Lost)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(NotConfirmed::Declined),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at_a_terminal() -> Terminal {
        Terminal {
            stdin_is_terminal: true,
            stderr_is_terminal: true,
            ..Terminal::none()
        }
    }

    #[rstest]
    #[case("y\n", true)]
    #[case("yes\n", true)]
    #[case(" YES \r\n", true)]
    #[case("y", true)]
    #[case("\n", false)]
    #[case("n\n", false)]
    #[case("yy\n", false)]
    #[case("yesterday\n", false)]
    fn only_yes_is_yes(#[case] typed: &str, #[case] agreed: bool) {
        let mut output = Vec::new();
        let result = confirm(
            "Create 3 backups?",
            Assent::Ask,
            &at_a_terminal(),
            &mut typed.as_bytes(),
            &mut output,
        );
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "Create 3 backups? [y/N] "
        );
        match result {
            Ok(_) => assert!(agreed),
            Err(error) => {
                assert!(!agreed && matches!(error, NotConfirmed::Declined));
                assert_eq!(error.to_string(), "not confirmed: nothing was done");
            }
        }
    }

    #[test]
    fn the_end_of_input_declines_on_a_line_of_its_own() {
        let mut output = Vec::new();
        let result = ask(
            "Go on?",
            Assent::Ask,
            &at_a_terminal(),
            &mut io::empty(),
            &mut output,
        );
        assert!(matches!(result, Err(NotConfirmed::Declined)));
        assert_eq!(output, b"Go on? [y/N] \n");
    }

    #[rstest]
    #[case(false, true)]
    #[case(true, false)]
    #[case(false, false)]
    fn without_a_terminal_nothing_is_asked_or_read(#[case] stdin: bool, #[case] stderr: bool) {
        let terminal = Terminal {
            stdin_is_terminal: stdin,
            stderr_is_terminal: stderr,
            ..Terminal::none()
        };
        let (mut input, mut output) = ("y\n".as_bytes(), Vec::new());
        let error = confirm("Go on?", Assent::Ask, &terminal, &mut input, &mut output).unwrap_err();
        assert!(matches!(error, NotConfirmed::NoTerminal));
        assert!(error.hint().unwrap().contains("--yes"));
        assert_eq!((input, output), ("y\n".as_bytes(), vec![]));
    }

    #[test]
    fn yes_on_the_command_line_asks_nothing() {
        let (mut input, mut output) = ("n\n".as_bytes(), Vec::new());
        let terminal = Terminal::none();
        assert!(confirm("Go on?", Assent::Yes, &terminal, &mut input, &mut output).is_ok());
        assert_eq!((input, output), ("n\n".as_bytes(), vec![]));
    }

    #[test]
    fn a_name_in_a_question_cannot_move_the_cursor() {
        let (mut input, mut output) = ("y\n".as_bytes(), Vec::new());
        let terminal = at_a_terminal();
        ask(
            "Delete a\x1b[2K?",
            Assent::Ask,
            &terminal,
            &mut input,
            &mut output,
        )
        .unwrap();
        assert_eq!(output, br"Delete a\u{1b}[2K? [y/N] ");
    }
}
