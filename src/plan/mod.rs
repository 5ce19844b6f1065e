//! What every operation's plan is made of, and what becomes of it.
//!
//! An operation's `plan` returns a [`Plan`]: a value that names every row it will touch, including
//! those it leaves alone and those it refuses. The same value is previewed, approved and applied.
//! Nothing here performs I/O, and every operation may use it.
//!
//! # What holds
//!
//! - A plan is spent once: [`Plan::approve`] takes it, [`Approved::into_steps`] takes that.
//! - Only a [`Consent`] approves, and only the question of `ui` and `--yes` make one.
//! - A row that changes nothing carries no work, so that applying it can do nothing.
//! - The rows of a [`Report`] are the rows of its plan, with what became of them.
//!
//! ```
//! use incus_backup::plan::{Approved, Consent, Plan};
//! fn apply(_: Approved<()>) {}
//! let plan = Plan::<()>::new(Vec::new());
//! apply(plan.approve(Consent::given_by_yes()));
//! ```
//!
//! A plan that nobody consented to cannot be applied:
//!
//! ```compile_fail
//! use incus_backup::plan::{Approved, Consent, Plan};
//! fn apply(_: Approved<()>) {}
//! let plan = Plan::<()>::new(Vec::new());
//! apply(plan);
//! ```
//!
//! A consent does not come from nowhere:
//!
//! ```compile_fail
//! use incus_backup::plan::{Approved, Consent, Plan};
//! fn apply(_: Approved<()>) {}
//! let plan = Plan::<()>::new(Vec::new());
//! apply(plan.approve(Consent { _private: () }));
//! ```
//!
//! And no plan is applied twice:
//!
//! ```compile_fail
//! use incus_backup::plan::{Approved, Consent, Plan};
//! fn apply(_: Approved<()>) {}
//! let plan = Plan::<()>::new(Vec::new());
//! apply(plan.approve(Consent::given_by_yes()));
//! apply(plan.approve(Consent::given_by_yes()));
//! ```

mod approval;
mod at_once;
mod coming;
mod existing;
mod failure;
mod mapping;
mod outcome;
mod room;
mod row;
mod step;
mod together;

pub use approval::{Approved, Consent, Includes};
pub use at_once::{Pace, each_step, shared_out};
pub use coming::{Coming, ComingProject};
pub use existing::Existing;
pub use failure::{Failure, messages};
pub use mapping::{Lost, Mapping, Saved};
pub use outcome::{Outcome, Report, Status, Verdict};
pub use room::{Fit, Room};
pub use row::{Action, Row};
pub use step::{Plan, Step};
pub use together::delete_together;
