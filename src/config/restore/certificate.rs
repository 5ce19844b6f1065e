//! Trusted certificates (pure).

use jiff::Timestamp;
use serde_json::Value;

use super::super::object::Object;
use super::object::{update, work};
use super::plan::{Planner, Turned, rest};
use super::stage::Stage;
use super::work::{Change, Expected};
use crate::model::ObjectId;
use crate::plan::{Action, Row, Step};

/// Plans one certificate.
pub(super) fn plan(planner: Planner<'_>, id: &ObjectId, wanted: &Object) -> Vec<Turned> {
    let stage = Stage::of(id.kind);
    if let Some(present) = planner.facts.server.object(id) {
        let (stage, step) = update(stage, id, present, wanted.clone());
        let (row, work) = step.into_parts();
        return vec![match work {
            Some(work) if is_own(planner, id) => {
                let row = row.because("the last step: this client is known by it");
                (Stage::CuttingOff, Step::work(row, work))
            }
            Some(work) => (stage, Step::work(row, work)),
            None => (stage, Step::rest(row)),
        }];
    }
    let named = wanted
        .set
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match expiry(wanted) {
        Some(expiry) if expiry < planner.facts.now => {
            let reason = format!("certificate `{named}` expired on {}", date(expiry));
            vec![rest(stage, Action::Refuse, id, &reason)]
        }
        _ => {
            let row = Row::of_object(Action::Create, id).because(&format!("trusts `{named}`"));
            vec![work(
                stage,
                row,
                id,
                Change::Create(wanted.clone()),
                Expected::Absent,
            )]
        }
    }
}

/// Whether this very client is known by it.
pub(super) fn is_own(planner: Planner<'_>, id: &ObjectId) -> bool {
    planner.facts.connection.certificate.as_deref() == Some(id.name.as_str())
}

fn expiry(object: &Object) -> Option<Timestamp> {
    let pem = object.made.get("certificate")?.as_str()?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

fn date(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}
