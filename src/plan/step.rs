//! Plans and their steps.

use super::{Action, Row};

/// One part of a plan: the row that is shown, and what applying it needs.
#[derive(Debug)]
pub struct Step<W> {
    row: Row,
    work: Option<W>,
}

impl<W> Step<W> {
    /// A step that does something: create, replace, update or delete.
    ///
    /// The work is dropped when the row's action changes nothing, so that a refused row can never be
    /// applied.
    pub fn work(row: Row, work: W) -> Self {
        let work = row.action.changes().then_some(work);
        Self { row, work }
    }

    /// A step that leaves its resource alone: skip, keep or refuse.
    pub fn rest(row: Row) -> Self {
        Self { row, work: None }
    }

    /// What is shown of it.
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// What applying it needs, to look at.
    pub fn work_of(&self) -> Option<&W> {
        self.work.as_ref()
    }

    /// What is shown of it, and what applying it needs.
    pub fn into_parts(self) -> (Row, Option<W>) {
        (self.row, self.work)
    }
}

/// What one command will do, row by row, before anybody agreed to it.
///
/// It cannot be copied: what was previewed is what is approved.
#[derive(Debug)]
#[must_use = "a plan does nothing until it is approved and applied"]
pub struct Plan<W> {
    pub(super) steps: Vec<Step<W>>,
}

impl<W> Plan<W> {
    /// A plan of these steps, applied in this order.
    pub fn new(steps: Vec<Step<W>>) -> Self {
        Self { steps }
    }

    /// What is shown of the steps.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.steps.iter().map(Step::row)
    }

    /// Whether it has no row at all.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The rows that it refuses.
    pub fn refusals(&self) -> impl Iterator<Item = &Row> {
        self.rows().filter(|row| row.action == Action::Refuse)
    }

    /// Whether applying it would change anything; if not, there is nothing to ask.
    pub fn changes_anything(&self) -> bool {
        self.rows().any(|row| row.action.changes())
    }
}

impl<W> FromIterator<Step<W>> for Plan<W> {
    fn from_iter<I: IntoIterator<Item = Step<W>>>(steps: I) -> Self {
        Self::new(steps.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::row::tests::row;
    use super::*;

    #[rstest]
    #[case(&[], false, &[])]
    #[case(&[Action::Skip, Action::Keep], false, &[])]
    #[case(&[Action::Refuse], false, &["r0"])]
    #[case(&[Action::Create, Action::Refuse, Action::Refuse], true, &["r1", "r2"])]
    #[case(&[Action::Skip, Action::Delete], true, &[])]
    fn a_plan_tells_what_it_changes_and_refuses(
        #[case] actions: &[Action],
        #[case] changes: bool,
        #[case] refused: &[&str],
    ) {
        let plan: Plan<()> = actions
            .iter()
            .enumerate()
            .map(|(at, action)| Step::work(row(*action, &format!("r{at}")), ()))
            .collect();
        assert_eq!(plan.rows().len(), actions.len());
        assert_eq!(plan.is_empty(), actions.is_empty());
        assert_eq!(plan.changes_anything(), changes);
        let names: Vec<String> = plan.refusals().map(Row::subject).collect();
        assert_eq!(names, refused);
    }

    #[rstest]
    #[case(Action::Create, Some(7))]
    #[case(Action::Delete, Some(7))]
    #[case(Action::Skip, None)]
    #[case(Action::Keep, None)]
    #[case(Action::Refuse, None)]
    fn only_a_row_that_changes_something_keeps_its_work(
        #[case] action: Action,
        #[case] work: Option<i32>,
    ) {
        assert_eq!(Step::work(row(action, "web"), 7).into_parts().1, work);
    }
}
