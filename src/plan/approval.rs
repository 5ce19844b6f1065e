//! Consent, and what it makes of a plan.

use super::{Plan, Row, Step};
use crate::model::{Kind, SourceName};

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

/// Work that was shown and agreed to, and consists of steps of another operation.
pub trait Includes<V> {
    /// Whether a step of the other operation is what was shown, and nothing more.
    fn includes(&self, row: &Row, work: &V) -> bool;
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

    /// Each step as something that was agreed to by itself, in the order of the plan.
    pub fn into_each(self) -> impl Iterator<Item = Self> {
        self.steps
            .into_iter()
            .map(|step| Self { steps: vec![step] })
    }

    /// What the steps need, in the order of the plan, to look at.
    pub fn works(&self) -> impl Iterator<Item = &W> {
        self.steps.iter().filter_map(Step::work_of)
    }

    /// Spends the approval on a plan that its steps consist of, such as the restore of a copy that the
    /// user agreed to have made and removed again. Gives the plan back where a step of it is more than
    /// what was agreed to.
    pub fn spend_on<V>(self, plan: Plan<V>) -> Result<Approved<V>, Plan<V>>
    where
        W: Includes<V>,
    {
        let is_included = |step: &Step<V>| {
            let work = step.work_of();
            work.is_none_or(|work| self.works().any(|own| own.includes(step.row(), work)))
        };
        if plan.steps.iter().all(is_included) {
            Ok(Approved { steps: plan.steps })
        } else {
            Err(plan)
        }
    }

    /// What is shown of the steps, in the order of the plan.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.steps.iter().map(Step::row)
    }

    /// Takes out the steps of one server, in their order: a plan for several was agreed to as a whole.
    pub fn of_source(&mut self, source: &SourceName) -> Self {
        let all = std::mem::take(&mut self.steps).into_iter();
        let (own, others) = all.partition(|step| step.row().source.as_ref() == Some(source));
        self.steps = others;
        Self { steps: own }
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

    impl Includes<&'static str> for i32 {
        fn includes(&self, row: &Row, work: &&'static str) -> bool {
            row.action == Action::Create && *work == self.to_string()
        }
    }

    #[test]
    fn an_approval_is_spent_on_what_was_shown_and_on_nothing_else() {
        let agreed = |numbers: &[i32]| {
            let steps = numbers.iter().map(|number| {
                let row = row(Action::Create, &number.to_string());
                Step::work(row, *number)
            });
            Plan::new(steps.collect()).approve(Consent::given_by_answer())
        };
        let wanted = |action, works: &[&'static str]| {
            let steps = works
                .iter()
                .map(|work| Step::work(row(action, work), *work));
            Plan::new(steps.collect())
        };
        let (create, replace) = (Action::Create, Action::Replace);
        assert!(agreed(&[1]).spend_on(wanted(create, &["1"])).is_ok());
        assert!(agreed(&[1]).spend_on(wanted(create, &["2"])).is_err());
        assert!(agreed(&[1]).spend_on(wanted(replace, &["1"])).is_err());
        assert!(agreed(&[1]).spend_on(wanted(create, &["1", "2"])).is_err());
        assert!(agreed(&[]).spend_on(wanted(create, &["1"])).is_err());
        let refused = wanted(Action::Refuse, &["2"]);
        assert!(agreed(&[1]).spend_on(refused).is_ok(), "it does nothing");
        let each: Vec<_> = agreed(&[1, 2]).into_each().collect();
        let works: Vec<Vec<&i32>> = each.iter().map(|one| one.works().collect()).collect();
        assert_eq!(works, [[&1], [&2]]);
    }

    #[test]
    fn a_plan_for_several_servers_comes_apart_by_server() {
        let of = |source: &str, names: &[&str]| {
            let steps = names
                .iter()
                .map(|name| Step::work(row(Action::Create, name), 1));
            Plan::new(steps.collect()).of_source(&source.parse().unwrap())
        };
        let all = of("prod", &["a", "b"]).then(of("lab", &["a"]));
        let subjects: Vec<String> = all.rows().map(Row::subject).collect();
        assert_eq!(subjects, ["prod:a", "prod:b", "lab:a"]);
        let mut approved = all.approve(Consent::given_by_answer());
        let lab = approved.of_source(&"lab".parse().unwrap()).into_steps();
        assert_eq!(lab.len(), 1);
        assert_eq!(lab[0].row().subject(), "lab:a");
        assert_eq!(approved.into_steps().len(), 2);
    }

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
