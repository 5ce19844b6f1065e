//! Progress on stderr: bars on a terminal, lines elsewhere, nothing when asked to be quiet.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Colour, LogFormat, Message, Terminal, Verbosity, escape};
use crate::model::Bytes;
use crate::progress::{Progress, Silent, Task};

/// How often a line tells of long work where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(30);

/// The listener that fits who listens.
pub fn listener(terminal: &Terminal, verbosity: &Verbosity) -> Arc<dyn Progress> {
    let teller = Teller {
        verbosity: *verbosity,
        colour: terminal.stderr_colour(),
    };
    if verbosity.quiet {
        Arc::new(Quiet { teller })
    } else if verbosity.format == LogFormat::Text && terminal.stderr_is_terminal {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Arc::new(Bars { bars, teller })
    } else {
        Arc::new(Lines { teller })
    }
}

/// Tells warnings.
#[derive(Debug, Clone, Copy)]
struct Teller {
    verbosity: Verbosity,
    colour: Colour,
}

impl Teller {
    fn warn(self, message: &str) {
        let text = self
            .verbosity
            .render(&Message::warning(message), self.colour);
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// Warnings only.
#[derive(Debug)]
struct Quiet {
    teller: Teller,
}

impl Progress for Quiet {
    fn task(&self, _name: &str) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn warn(&self, message: &str) {
        self.teller.warn(message);
    }
}

/// A bar for each item.
#[derive(Debug)]
struct Bars {
    bars: MultiProgress,
    teller: Teller,
}

impl Progress for Bars {
    fn task(&self, name: &str) -> Box<dyn Task> {
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_prefix(escape(name).into_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Box::new(Bar { bar })
    }

    fn warn(&self, message: &str) {
        self.bars.suspend(|| self.teller.warn(message));
    }
}

struct Bar {
    bar: ProgressBar,
}

/// The templates are constants that the library understands.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

impl Task for Bar {
    fn phase(&self, what: &str, total: Option<u64>) {
        self.bar.reset();
        self.bar.set_position(0);
        self.bar.set_message(what.to_owned());
        if let Some(total) = total {
            self.bar.set_length(total);
            self.bar.set_style(style(
                "{prefix}  {msg}  [{bar:24}] {binary_bytes}/{binary_total_bytes}  \
                 {binary_bytes_per_sec}  {eta}",
            ));
        } else {
            self.bar.unset_length();
            self.bar.set_style(style(
                "{prefix}  {msg}  {spinner} {binary_bytes}  {binary_bytes_per_sec}  {elapsed}",
            ));
        }
    }

    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn detail(&self, text: &str) {
        if self.bar.length().is_none() {
            self.bar
                .set_style(style("{prefix}  {msg}  {spinner} {elapsed}"));
            self.bar.set_message(escape(text).into_owned());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line when a phase of an item begins, and now and then while it lasts.
#[derive(Debug)]
struct Lines {
    teller: Teller,
}

impl Progress for Lines {
    fn task(&self, name: &str) -> Box<dyn Task> {
        Box::new(Line {
            name: name.to_owned(),
            json: self.teller.verbosity.format == LogFormat::Json,
            done: AtomicU64::new(0),
            state: Mutex::new((String::new(), None, Instant::now())),
        })
    }

    fn warn(&self, message: &str) {
        self.teller.warn(message);
    }
}

struct Line {
    name: String,
    json: bool,
    done: AtomicU64,
    /// The phase, its total, and when something was said last.
    state: Mutex<(String, Option<u64>, Instant)>,
}

impl Line {
    fn say(&self, phase: &str, done: u64, total: Option<u64>) {
        let text = if self.json {
            let event = serde_json::json!({
                "level": "info", "item": self.name, "phase": phase, "bytes": done, "total": total,
            });
            event.to_string()
        } else {
            let amount = match (done, total) {
                (0, _) => String::new(),
                (done, Some(total)) => format!(": {} of {}", Bytes(done), Bytes(total)),
                (done, None) => format!(": {}", Bytes(done)),
            };
            format!("{}: {phase}{amount}", escape(&self.name))
        };
        let _ = writeln!(io::stderr(), "{text}");
    }
}

impl Task for Line {
    fn phase(&self, what: &str, total: Option<u64>) {
        self.done.store(0, Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (what.to_owned(), total, Instant::now());
        self.say(what, 0, total);
    }

    fn advance(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.2.elapsed() >= INTERVAL {
            state.2 = Instant::now();
            self.say(&state.0, done, state.1);
        }
    }

    fn detail(&self, text: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.2.elapsed() >= INTERVAL {
            state.2 = Instant::now();
            self.say(&format!("{}: {}", state.0, escape(text)), 0, None);
        }
    }
}
