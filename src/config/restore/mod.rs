//! Gives a server the configuration that a stored version holds.
//!
//! `plan_restore` compares (pure), `apply_restore` sends, object by object, in the order in which the
//! server can take them: what is named by others comes first, what could cut this client off last.
//! Before each change the object is read again; one that is not as it was when the plan was made is
//! left alone.

mod apply;
mod certificate;
mod cluster;
mod existing;
mod extra;
mod key;
mod object;
mod plan;
mod pool;
mod project;
mod request;
mod stage;
#[cfg(test)]
mod tests;
mod wire;
mod work;

pub use apply::apply_restore;
pub use plan::plan_restore;
pub use request::{Connection, RestoreFacts, RestoreRequest, gather_restore};
pub use stage::Phase;
pub(super) use stage::is_volume_key;
pub use work::Work;
