//! What becomes of the temporary instances and volumes that a killed run left behind (pure).
//!
//! # Design
//!
//! A replacement goes: mark the old instance as aside, stop it, rename it away, rename the new one
//! (marked as incoming) into its place, delete the old one, take the mark off the new one. Wherever
//! that was cut off, one of two things is true: the new instance stands under the name, still
//! marked, and the old one can go; or it does not, and the old one comes back. An old instance whose
//! name has been taken by something that carries no such mark is left alone and told of.

use super::{Mark, Role};
use crate::model::{InstanceName, Liveness};

/// An instance or a volume that carries a mark; `N` is how such a thing is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<N = InstanceName> {
    /// The name that it has now.
    pub name: N,
    /// Its mark.
    pub mark: Mark<N>,
    /// Whether the process that made it still lives.
    pub liveness: Liveness,
}

/// What to do about one instance or volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy<N = InstanceName> {
    /// Delete it: nothing needs it.
    Delete(N),
    /// Delete it: the one that replaces it is in its place.
    DeleteReplaced {
        /// The name that it has now.
        aside: N,
        /// Its own name, which its successor has.
        name: N,
    },
    /// Take the mark off: it is in its place. Start it if it was running before.
    Keep {
        /// The thing.
        name: N,
        /// Whether it ran before the run that was killed stopped it.
        start: bool,
    },
    /// Give it its own name back.
    PutBack {
        /// The name that it has now.
        aside: N,
        /// Its own name.
        name: N,
        /// Whether it ran before the run that was killed stopped it.
        start: bool,
    },
    /// Tell the user: it was replaced, but something else has its name now.
    Leave {
        /// The name that it has now.
        aside: N,
        /// Its own name.
        name: N,
    },
    /// Let it go on: it was paused for a moment.
    Resume(N),
}

/// Says what to do about the marked things of one place, in the order in which to do it.
///
/// What nothing needs goes first: a new instance has the MAC addresses of the old one, which does not
/// start while it is there.
///
/// `exists` tells whether the place has one of a name. What belongs to a process that
/// lives, or that cannot be seen from here, is not touched.
pub fn remedies<N: Clone + Eq>(found: &[Found<N>], exists: impl Fn(&N) -> bool) -> Vec<Remedy<N>> {
    let dead = || found.iter().filter(|item| item.liveness == Liveness::Dead);
    let in_place = |name: &N, run: &str| {
        dead().any(|item| {
            item.name == *name
                && item.mark.role == Role::Incoming
                && item.mark.name == *name
                && item.mark.owner.run() == run
        })
    };
    let (mut gone, mut first, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for item in dead() {
        let Found { name, mark, .. } = item;
        match mark.role {
            Role::Incoming if mark.name == *name => {
                last.push(Remedy::Keep {
                    name: name.clone(),
                    start: false,
                });
            }
            Role::Paused => first.push(Remedy::Resume(name.clone())),
            Role::Copy | Role::Drill | Role::Incoming => gone.push(Remedy::Delete(name.clone())),
            Role::AsideRunning | Role::AsideStopped => {
                let start = mark.role == Role::AsideRunning;
                let (aside, own) = (name.clone(), mark.name.clone());
                first.push(if aside == own {
                    Remedy::Keep { name: aside, start }
                } else if in_place(&own, mark.owner.run()) {
                    Remedy::DeleteReplaced { aside, name: own }
                } else if exists(&own) {
                    Remedy::Leave { aside, name: own }
                } else {
                    Remedy::PutBack {
                        aside,
                        name: own,
                        start,
                    }
                });
            }
        }
    }
    gone.append(&mut first);
    gone.append(&mut last);
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Owner, RunId};

    fn name(text: &str) -> InstanceName {
        text.parse().unwrap()
    }

    fn found(owner: &Owner, now: &str, role: Role, own: &str) -> Found {
        let mark = Mark {
            owner: owner.clone(),
            role,
            name: name(own),
        };
        Found {
            name: name(now),
            mark,
            liveness: Liveness::Dead,
        }
    }

    fn owner() -> Owner {
        Owner::current(&RunId::begin())
    }

    #[test]
    fn a_copy_is_deleted() {
        let items = [found(&owner(), "tmp-1", Role::Copy, "web")];
        assert_eq!(remedies(&items, |_| true), [Remedy::Delete(name("tmp-1"))]);
    }

    #[test]
    fn what_was_paused_goes_on() {
        let items = [found(&owner(), "web", Role::Paused, "web")];
        assert_eq!(remedies(&items, |_| true), [Remedy::Resume(name("web"))]);
    }

    #[test]
    fn what_a_living_or_unseen_process_owns_is_not_touched() {
        for liveness in [Liveness::Own, Liveness::Alive, Liveness::Unknown] {
            let items = [Found {
                liveness,
                ..found(&owner(), "tmp-1", Role::Copy, "web")
            }];
            assert_eq!(remedies(&items, |_| true), []);
        }
    }

    #[test]
    fn before_the_swap_the_old_one_stays_and_the_new_one_goes() {
        let owner = owner();
        let items = [
            found(&owner, "web", Role::AsideRunning, "web"),
            found(&owner, "tmp-1", Role::Incoming, "web"),
        ];
        let start = Remedy::Keep {
            name: name("web"),
            start: true,
        };
        // Whatever the server lists first.
        assert_eq!(
            remedies(&items, |_| true),
            [Remedy::Delete(name("tmp-1")), start]
        );
    }

    #[test]
    fn between_the_renames_the_old_one_comes_back() {
        let owner = owner();
        // As a list has them where the numbers are of one digit, and where they are not.
        for (incoming, aside) in [("tmp-1", "tmp-2"), ("tmp-9", "tmp-10")] {
            let mut items = [
                found(&owner, incoming, Role::Incoming, "web"),
                found(&owner, aside, Role::AsideRunning, "web"),
            ];
            items.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
            let back = Remedy::PutBack {
                aside: name(aside),
                name: name("web"),
                start: true,
            };
            assert_eq!(
                remedies(&items, |_| false),
                [Remedy::Delete(name(incoming)), back]
            );
        }
    }

    #[test]
    fn after_the_swap_the_old_one_goes_and_then_the_mark() {
        let owner = owner();
        let items = [
            found(&owner, "web", Role::Incoming, "web"),
            found(&owner, "tmp-2", Role::AsideStopped, "web"),
        ];
        let kept = Remedy::Keep {
            name: name("web"),
            start: false,
        };
        let gone = Remedy::DeleteReplaced {
            aside: name("tmp-2"),
            name: name("web"),
        };
        assert_eq!(remedies(&items, |_| true), [gone, kept]);
    }

    #[test]
    fn an_old_one_whose_name_something_else_has_is_left_alone() {
        let items = [found(&owner(), "tmp-2", Role::AsideStopped, "web")];
        let left = Remedy::Leave {
            aside: name("tmp-2"),
            name: name("web"),
        };
        assert_eq!(remedies(&items, |_| true), [left]);
        // Nor does the new instance of another run stand in for this one's.
        let items = [
            found(&owner(), "web", Role::Incoming, "web"),
            found(&owner(), "tmp-2", Role::AsideStopped, "web"),
        ];
        let left = Remedy::Leave {
            aside: name("tmp-2"),
            name: name("web"),
        };
        let kept = Remedy::Keep {
            name: name("web"),
            start: false,
        };
        assert_eq!(remedies(&items, |_| true), [left, kept]);
    }
}
