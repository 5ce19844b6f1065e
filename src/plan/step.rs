//! Plans and their steps.

use super::{Action, Row};
use crate::model::{Kind, SourceName};

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

    /// The steps, to make another plan of: only an approved one can be applied.
    pub(crate) fn into_steps(self) -> Vec<Step<W>> {
        self.steps
    }

    /// The same plan, where applying a step needs something else.
    pub fn map<V>(self, mut work: impl FnMut(W) -> V) -> Plan<V> {
        let steps = self.steps.into_iter().map(|step| Step {
            row: step.row,
            work: step.work.map(&mut work),
        });
        Plan::new(steps.collect())
    }

    /// The same plan, as that of one server among several.
    pub fn of_source(mut self, source: &SourceName) -> Self {
        for step in &mut self.steps {
            step.row.source = Some(source.clone());
        }
        self
    }

    /// This plan, and then the other: one to preview, and one to agree to.
    pub fn then(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    /// The steps that come first, with those that need nothing, and the others.
    pub fn divide(self, mut first: impl FnMut(&W) -> bool) -> (Self, Self) {
        let (now, later) = self
            .steps
            .into_iter()
            .partition(|step| step.work.as_ref().is_none_or(&mut first));
        (Self::new(now), Self::new(later))
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

impl<W> Step<W> {
    /// The step, if what applying it needs is of this sort, or if nothing is needed and its row is
    /// about this kind.
    #[expect(
        clippy::result_large_err,
        reason = "no error: the step stays where it was"
    )]
    pub(super) fn part<V>(
        self,
        kind: Kind,
        sort: impl FnOnce(W) -> Result<V, W>,
    ) -> Result<Step<V>, Self> {
        let Self { row, work } = self;
        match work.map(sort) {
            Some(Ok(work)) => Ok(Step {
                row,
                work: Some(work),
            }),
            Some(Err(work)) => Err(Self {
                row,
                work: Some(work),
            }),
            None if row.kind == kind => Ok(Step { row, work: None }),
            None => Err(Self { row, work: None }),
        }
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

    #[test]
    fn a_plan_is_divided_into_what_comes_first_and_the_others() {
        let steps = [(Action::Create, 2), (Action::Skip, 3), (Action::Delete, 1)];
        let plan: Plan<i32> = steps
            .into_iter()
            .map(|(action, number)| Step::work(row(action, &number.to_string()), number))
            .collect();
        let (now, later) = plan.divide(|number| *number < 2);
        let names = |plan: &Plan<i32>| plan.rows().map(Row::subject).collect::<Vec<_>>();
        assert_eq!(names(&now), ["3", "1"]);
        assert_eq!(names(&later), ["2"]);
    }

    #[test]
    fn plans_of_several_sorts_are_one_and_come_apart_again() {
        #[derive(Debug, PartialEq)]
        enum Any {
            Number(i32),
            Word(&'static str),
        }
        let numbers: Plan<i32> = [row(Action::Create, "a"), row(Action::Skip, "b")]
            .into_iter()
            .map(|row| Step::work(row, 1))
            .collect();
        let words: Plan<&str> = [Step::work(row(Action::Delete, "c"), "w")]
            .into_iter()
            .collect();
        let all = numbers.map(Any::Number).then(words.map(Any::Word));
        let names: Vec<String> = all.rows().map(Row::subject).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let mut approved = all.approve(super::super::Consent::given_by_yes());
        let words = approved.part(crate::model::Kind::Image, |any| match any {
            Any::Word(word) => Ok(word),
            other @ Any::Number(_) => Err(other),
        });
        let words: Vec<Option<&str>> = words
            .into_steps()
            .into_iter()
            .map(|step| step.into_parts().1)
            .collect();
        assert_eq!(words, [Some("w")]);
        let rest = approved.into_steps();
        let names: Vec<String> = rest.iter().map(|step| step.row().subject()).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
