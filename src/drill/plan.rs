//! What will be drilled (pure).

use crate::model::{Kind, RemoteName};
use crate::plan::{Action, Plan, Row, Step};
use crate::target::Stored;

/// Plans the drill of versions: instances are drilled, everything else is checked without.
pub fn plan(chosen: &[Stored], remote: &RemoteName) -> Plan<Stored> {
    let step = |stored: &Stored| {
        let id = &stored.id;
        let row = |action| Row::new(action, &id.resource).version(id.version);
        if id.resource.kind() != Kind::Instance {
            let text = "checked as full: only instances are drilled";
            return Step::rest(row(Action::Keep).because(text));
        }
        let row = row(Action::Create)
            .because(&format!(
                "a copy in a temporary project of `{remote}:`, without devices but its root disk"
            ))
            .because("started, and removed again");
        Step::work(row, stored.clone())
    };
    chosen.iter().map(step).collect()
}
