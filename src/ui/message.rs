//! Errors, warnings and hints.

use std::error::Error;
use std::fmt::Write as _;

use serde::Serialize;

use super::Colour;
use super::text::escape_lines;
use crate::plan::messages;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that was asked for is not done.
    Error,
    /// The run goes on, but the user should know.
    Warning,
}

/// What is said when something went wrong: what, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// How bad it is.
    pub level: Severity,
    /// What went wrong.
    pub message: String,
    /// Why, each the cause of the one before.
    pub causes: Vec<String>,
    /// What the user can do.
    pub hints: Vec<String>,
}

impl Message {
    /// Tells an error, with each of its causes once.
    pub fn error(error: &dyn Error) -> Self {
        let mut texts = messages(error).into_iter();
        Self {
            level: Severity::Error,
            message: texts.next().unwrap_or_default(),
            causes: texts.collect(),
            hints: Vec::new(),
        }
    }

    /// Tells that something was asked for and not done.
    pub fn refusal(subject: &str, reason: &str) -> Self {
        Self {
            level: Severity::Error,
            message: format!("`{subject}` is refused"),
            causes: vec![reason.to_owned()],
            hints: Vec::new(),
        }
    }

    /// Tells that something was looked at, and what is wrong with it.
    pub fn finding(subject: &str, what: &str, why: &str) -> Self {
        Self {
            level: Severity::Error,
            message: format!("`{subject}`: {what}"),
            causes: vec![why.to_owned()],
            hints: Vec::new(),
        }
    }

    /// Says which of several things it is about.
    #[must_use]
    pub fn about(mut self, subject: &str) -> Self {
        let quoted = format!("`{subject}`");
        if !self.message.contains(&quoted) {
            self.message = format!("{quoted}: {}", self.message);
        }
        self
    }

    /// Tells a warning.
    pub fn warning(text: &str) -> Self {
        Self {
            level: Severity::Warning,
            message: text.to_owned(),
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.hints.push(hint.to_owned());
        self
    }

    /// The message for people, with its line break.
    ///
    /// ```text
    /// error: cannot back up `web`
    ///   caused by: no space left on device
    ///
    /// hint: free some space in `/var/backups/incus`
    /// ```
    pub fn render(&self, colour: Colour) -> String {
        let (word, code) = match self.level {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
        };
        let mut text = labelled(&paint(word, code, colour), &self.message, "  ");
        for cause in &self.causes {
            text.push_str(&labelled("  caused by", cause, "    "));
        }
        if !self.hints.is_empty() {
            text.push('\n');
        }
        for hint in &self.hints {
            text.push_str(&labelled(&paint("hint", "1;36", colour), hint, "  "));
        }
        text
    }

    /// The message for programs: one line of JSON, with its line break.
    pub fn to_json(&self) -> String {
        // Texts and lists of texts always have a JSON form.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// `label: text`, further lines of the text moved in.
fn labelled(label: &str, text: &str, indent: &str) -> String {
    let mut out = String::new();
    for (at, line) in escape_lines(text).lines().enumerate() {
        // Writing to a string cannot fail.
        let _ = match at {
            0 => writeln!(out, "{label}: {line}"),
            _ => writeln!(out, "{indent}{line}"),
        };
    }
    out
}

fn paint(word: &str, code: &str, colour: Colour) -> String {
    match colour {
        Colour::On => format!("\x1b[{code}m{word}\x1b[0m"),
        Colour::Off => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Cause(&'static str);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot back up `web`")]
    struct Failed(#[source] Cause);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot back up `web`: {0}")]
    struct Repeats(#[source] Cause);

    #[test]
    fn an_error_tells_what_why_and_what_to_do() {
        let message = Message::error(&Failed(Cause("no space left on device")))
            .hint("free some space in `/b`")
            .hint("or choose another with `--target`");
        assert_eq!(
            message.render(Colour::Off),
            "error: cannot back up `web`\n  caused by: no space left on device\n\n\
             hint: free some space in `/b`\nhint: or choose another with `--target`\n"
        );
    }

    #[test]
    fn a_cause_that_is_quoted_already_is_not_repeated() {
        let message = Message::error(&Repeats(Cause("no space left on device")));
        assert_eq!(
            message.render(Colour::Off),
            "error: cannot back up `web`: no space left on device\n"
        );
    }

    #[test]
    fn colour_marks_the_first_word_alone() {
        let message = Message::warning("the clock is wrong").hint("set it");
        assert_eq!(
            message.render(Colour::On),
            "\x1b[1;33mwarning\x1b[0m: the clock is wrong\n\n\x1b[1;36mhint\x1b[0m: set it\n"
        );
    }

    #[test]
    fn escape_sequences_are_not_obeyed_and_lines_are_moved_in() {
        let message = Message::error(&Failed(Cause("tar said:\nx\x1b]0;owned\x07")));
        assert_eq!(
            message.render(Colour::Off),
            "error: cannot back up `web`\n  caused by: tar said:\n    x\\u{1b}]0;owned\\u{7}\n"
        );
    }

    #[test]
    fn a_program_gets_one_line_of_json() {
        let message = Message::error(&Failed(Cause("a\nb"))).hint("wait");
        assert_eq!(
            message.to_json(),
            concat!(
                r#"{"level":"error","message":"cannot back up `web`","causes":["a\nb"],"hints":["wait"]}"#,
                "\n"
            )
        );
    }
}
