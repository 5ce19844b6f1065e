//! Plans before they are applied, and the line that sums rows up.
//!
//! With `--dry-run` a preview is the result, and goes to stdout in the format asked for. Before a
//! question it goes to stderr as a table, so that stdout carries only results.

use std::io::{self, Write};

use super::{Columns, Format, View, write_rows};
use crate::plan::{Action, Plan, Report, Row, Status};

/// Writes a plan's rows, and for people a line that sums them up.
pub fn write_preview<W>(
    out: &mut impl Write,
    plan: &Plan<W>,
    columns: &Columns<Row>,
    view: &View,
) -> io::Result<()> {
    let for_people = matches!(
        view.format,
        Format::Table | Format::TableNoHeader | Format::Compact | Format::CompactNoHeader
    );
    if !for_people || !plan.is_empty() {
        write_rows(out, plan.rows(), columns, view)?;
    }
    if for_people {
        writeln!(out, "{}", summary_of_plan(plan.rows()))?;
    }
    Ok(())
}

/// One line that sums a plan up: `2 to create, 1 skipped, 1 refused`.
pub fn summary_of_plan<'a>(rows: impl IntoIterator<Item = &'a Row>) -> String {
    let actions: Vec<Action> = rows.into_iter().map(|row| row.action).collect();
    let sum = sum(Action::ALL.iter().map(|action| {
        let count = actions.iter().filter(|each| *each == action).count();
        let words = match action {
            Action::Create => "to create",
            Action::Replace => "to replace",
            Action::Update => "to update",
            Action::Delete => "to delete",
            Action::Skip => "skipped",
            Action::Keep => "kept",
            Action::Refuse => "refused",
        };
        (count, words)
    }));
    if sum.is_empty() {
        "nothing to do".to_owned()
    } else {
        sum
    }
}

/// One line that sums a report up: `2 done, 1 failed`.
pub fn summary_of_report(report: &Report) -> String {
    const STATUSES: [(Status, &str); 5] = [
        (Status::Done, "done"),
        (Status::Skipped, "skipped"),
        (Status::Failed, "failed"),
        (Status::Refused, "refused"),
        (Status::Interrupted, "interrupted"),
    ];
    let sum = sum(STATUSES.map(|(status, words)| {
        let outcomes = report.outcomes.iter();
        let count = outcomes.filter(|outcome| outcome.status == status).count();
        (count, words)
    }));
    if sum.is_empty() {
        "nothing done".to_owned()
    } else {
        sum
    }
}

pub(super) fn sum(counts: impl IntoIterator<Item = (usize, &'static str)>) -> String {
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    parts.join(", ")
}
