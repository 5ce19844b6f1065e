//! Progress on stderr: bars on a terminal, lines elsewhere, nothing when asked to be quiet.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
        let drawn = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Arc::new(Bars {
            drawn,
            all: Mutex::default(),
            teller,
        })
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

/// A bar for each item, and below them one for all of them.
#[derive(Debug)]
struct Bars {
    drawn: MultiProgress,
    all: Mutex<Option<All>>,
    teller: Teller,
}

/// How far all of it is: in things, and in the bytes that their phases have moved so far.
#[derive(Debug, Clone)]
struct All {
    bar: ProgressBar,
    is_shown: bool,
    bytes: Arc<AtomicU64>,
}

impl All {
    fn advance(&self, bytes: u64) {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let seconds = self.bar.elapsed().as_secs().max(1);
        let (bytes, rate) = (Bytes(bytes), Bytes(bytes / seconds));
        self.bar.set_message(format!("{bytes}  {rate}/s"));
    }

    /// What was counted of a phase that is begun again.
    fn take_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Bars {
    fn all(&self) -> MutexGuard<'_, Option<All>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Bars {
    fn task(&self, name: &str) -> Box<dyn Task> {
        let bar = ProgressBar::new_spinner();
        let mut all = self.all();
        let bar = match &mut *all {
            Some(all) => {
                // Only now: what begins no item needs no bar for all of them.
                if !std::mem::replace(&mut all.is_shown, true) {
                    self.drawn.add(all.bar.clone());
                    all.bar.enable_steady_tick(Duration::from_millis(200));
                }
                self.drawn.insert_before(&all.bar, bar)
            }
            None => self.drawn.add(bar),
        };
        let all = all.clone();
        bar.set_prefix(escape(name).into_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Box::new(Bar {
            drawn: bar,
            phase: Mutex::default(),
            all,
        })
    }

    fn expect(&self, things: usize) {
        let mut all = self.all();
        if let Some(old) = all.take() {
            old.bar.finish_and_clear();
        }
        // One thing alone has a bar of its own.
        if things > 1 {
            let bar = ProgressBar::hidden();
            bar.set_length(things as u64);
            bar.set_style(style("{pos} of {len}  [{bar:24}]  {msg}  {elapsed}"));
            *all = Some(All {
                bar,
                is_shown: false,
                bytes: Arc::default(),
            });
        }
    }

    fn through(&self, _bytes: u64) {
        if let Some(All { bar, .. }) = &*self.all() {
            bar.inc(1);
            bar.set_style(style(
                "{pos} of {len}  [{bar:24}]  {msg}  {elapsed}  {eta} left",
            ));
        }
    }

    fn warn(&self, message: &str) {
        self.drawn.suspend(|| self.teller.warn(message));
    }
}

struct Bar {
    drawn: ProgressBar,
    phase: Mutex<String>,
    all: Option<All>,
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
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(all), true) = (&self.all, *phase == what) {
            all.take_back(self.drawn.position());
        }
        what.clone_into(&mut phase);
        self.drawn.reset();
        self.drawn.set_position(0);
        self.drawn.set_message(what.to_owned());
        if let Some(total) = total {
            self.drawn.set_length(total);
            self.drawn.set_style(style(
                "{prefix}  {msg}  [{bar:24}] {binary_bytes}/{binary_total_bytes}  \
                 {binary_bytes_per_sec}  {eta}",
            ));
        } else {
            self.drawn.unset_length();
            self.drawn.set_style(style(
                "{prefix}  {msg}  {spinner} {binary_bytes}  {binary_bytes_per_sec}  {elapsed}",
            ));
        }
    }

    fn advance(&self, bytes: u64) {
        self.drawn.inc(bytes);
        if let Some(all) = &self.all {
            all.advance(bytes);
        }
    }

    fn detail(&self, text: &str) {
        if self.drawn.length().is_none() {
            self.drawn
                .set_style(style("{prefix}  {msg}  {spinner} {elapsed}"));
            self.drawn.set_message(escape(text).into_owned());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawn.finish_and_clear();
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
            begun: Instant::now(),
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
    begun: Instant,
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
        let said = state.0 == what;
        *state = (what.to_owned(), total, Instant::now());
        if !said {
            self.say(what, 0, total);
        }
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

/// How it ended is told by the results.
impl Drop for Line {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.0.is_empty() {
            let seconds = self.begun.elapsed().as_secs();
            self.say(&format!("through after {seconds} s"), 0, None);
        }
    }
}
