//! What is protected, and what is not, as one page for a browser (pure).
//!
//! The facts are those of `list`: what a target holds, and what a backup of the whole server would back
//! up. A server that cannot be asked takes nothing from what the target says; the page then says that
//! what has no backup is not known.
//!
//! # What holds
//!
//! - The page is one file: it loads nothing and runs nothing, and a policy in it forbids both.
//! - Only constants are markup. Every text that comes from elsewhere goes through one function, which
//!   escapes it; nothing else can be put into a page.

mod chart;
mod facts;
mod glance;
mod growth;
mod judged;
mod markup;
mod page;
mod pieces;
mod runs;
mod table;

pub use facts::{Facts, Server};
pub use page::page;
