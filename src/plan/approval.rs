//! Consent, and what it makes of a plan.

use super::{Plan, Step};
use crate::model::Kind;

/// That the user agrees to one plan.
///
/// Only the question of `ui` and `--yes` make one; it is spent on the plan it was given for.
#[derive(Debug)]
pub struct Consent {
    _private: (),
}

impl Consent {
    /// The user said `--yes` (or a test stands in for them).
    pub fn given_by_yes() -> Self {
        Self { _private: () }
    }

    /// The user was shown the plan and answered the question. For `ui::prompt` alone.
    pub(crate) fn given_by_answer() -> Self {
        Self { _private: () }
    }
}

/// A plan that was agreed to: the only thing that operations apply.
#[derive(Debug)]
#[must_use = "an approved plan does nothing until it is applied"]
pub struct Approved<W> {
    steps: Vec<Step<W>>,
}

impl<W> Approved<W> {
    /// The steps, once, in the order of the plan.
    pub fn into_steps(self) -> Vec<Step<W>> {
        self.steps
    }

    /// Approves what doing a step of this plan consists of, such as the restore of a copy that the
    /// user agreed to have made and removed again.
    pub fn covers<V>(&self, plan: Plan<V>) -> Approved<V> {
        Approved { steps: plan.steps }
    }

    /// The steps, in the order of the plan.
    pub fn steps(&self) -> &[Step<W>] {
        &self.steps
    }

    /// Takes out the steps of one sort, with the steps about `kind` that need nothing, in their order:
    /// a plan for several operations was agreed to as a whole.
    pub fn part<V>(&mut self, kind: Kind, mut sort: impl FnMut(W) -> Result<V, W>) -> Approved<V> {
        let mut steps = Vec::new();
        for step in std::mem::take(&mut self.steps) {
            match step.part(kind, &mut sort) {
                Ok(step) => steps.push(step),
                Err(step) => self.steps.push(step),
            }
        }
        Approved { steps }
    }
}

impl<W> Plan<W> {
    /// Makes the plan one that can be applied, for the user agreed to it.
    pub fn approve(self, _consent: Consent) -> Approved<W> {
        Approved { steps: self.steps }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Action;
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn an_approved_plan_has_the_steps_of_the_plan_in_their_order() {
        let plan = Plan::new(vec![
            Step::work(row(Action::Create, "b"), 1),
            Step::rest(row(Action::Refuse, "a")),
        ]);
        let steps = plan.approve(Consent::given_by_answer()).into_steps();
        let parts: Vec<_> = steps.into_iter().map(Step::into_parts).collect();
        assert_eq!(
            parts,
            [
                (row(Action::Create, "b"), Some(1)),
                (row(Action::Refuse, "a"), None)
            ]
        );
    }
}
