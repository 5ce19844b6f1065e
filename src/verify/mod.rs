//! `verify`: whether what a target holds is what was stored.
//!
//! Reads, and writes nothing but the record of the check beside the manifest. That something could not
//! be checked is an error; that it is damaged is an answer.

mod check;
mod run;
mod select;

pub use check::{Unreadable, full, quick};
pub use run::{Finding, Found, Options, name_good_ones, run};
pub use select::{Due, Latest, select};
