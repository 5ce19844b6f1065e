//! How everything is shown, and how the user is asked.
//!
//! Only data goes to stdout, through [`Output`]; previews before a question, questions, progress,
//! messages and logs go to stderr. Nothing here reads the environment: `cli` says what a
//! [`Terminal`] is and whether colour is wanted.
//!
//! # What holds
//!
//! - Every command shows rows in one way: [`write_rows`] with a [`Record`], whether they are stored
//!   versions, a plan's rows or results.
//! - JSON and YAML have every documented key of a row, always, in one order; CSV has raw values
//!   (bytes, milliseconds, UTC); tables are for people and may leave columns out that say nothing.
//! - What comes from a server or a target is shown with its control characters escaped.
//! - Colour repeats what a word says, and appears only on terminals.
//! - The width of the terminal bends only columns of prose; names are never cut.

mod alias_rows;
mod column;
mod comparison;
mod details;
mod doctor_rows;
mod file_rows;
mod format;
mod grid;
mod letter;
mod logging;
mod message;
mod output;
mod password;
mod preview;
mod progress;
mod prompt;
mod protection_rows;
mod rows;
mod run_rows;
mod table;
mod terminal;
mod text;
mod told_rows;

pub use column::{Cell, Column, Columns, Record, Shown, Tone, UnknownColumn};
pub use comparison::{KindRow, write_comparison};
pub use details::write_details;
pub use file_rows::{DifferenceRow, FileRow, PartitionRow};
pub use format::{Format, View};
pub use letter::letter;
pub use logging::{LogFormat, LoggingFailed, Verbosity, start_logging};
pub use message::{Message, Severity};
pub use output::Output;
pub use password::PasswordPrompt;
pub use preview::{summary_of_plan, summary_of_report, write_preview};
pub use progress::listener;
pub use prompt::{Assent, NotConfirmed, ask, confirm};
pub use protection_rows::UnprotectedRow;
pub use rows::{FindingRow, VersionRow, VersionState};
pub use run_rows::RunRow;
pub use table::write_rows;
pub use terminal::{Colour, Terminal};
pub use text::{escape, human_duration};
pub use told_rows::ToldRow;
