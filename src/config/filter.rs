//! Which objects are meant (pure).

use std::collections::BTreeSet;

use crate::model::{ObjectId, ObjectKind, ProjectName};

/// Which objects are meant; what is not said fits.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of these kinds.
    pub kinds: BTreeSet<ObjectKind>,
    /// The project and what is in it.
    pub project: Option<ProjectName>,
}

impl Filter {
    /// Whether objects of a kind can be meant.
    pub fn takes_kind(&self, kind: ObjectKind) -> bool {
        let in_project = kind.is_in_project() || kind == ObjectKind::Project;
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.project.is_none() || in_project)
    }

    /// Whether an object is meant.
    pub fn takes(&self, id: &ObjectId) -> bool {
        self.takes_kind(id.kind)
            && self.project.as_ref().is_none_or(|project| {
                id.project.as_ref() == Some(project)
                    || (id.kind == ObjectKind::Project && id.name.as_str() == project.as_str())
            })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], None, [true, true, true, true])]
    #[case(&[ObjectKind::Project], None, [false, false, true, false])]
    #[case(&[], Some("shop"), [true, false, true, false])]
    #[case(&[ObjectKind::Profile], Some("shop"), [true, false, false, false])]
    fn kinds_and_a_project_narrow_what_is_meant(
        #[case] kinds: &[ObjectKind],
        #[case] project: Option<&str>,
        #[case] taken: [bool; 4],
    ) {
        let filter = Filter {
            kinds: kinds.iter().copied().collect(),
            project: project.map(|name| name.parse().unwrap()),
        };
        let profile = |project: &str| {
            ObjectId::in_project(
                ObjectKind::Profile,
                project.parse().unwrap(),
                "p".parse().unwrap(),
            )
        };
        let server = |kind, name: &str| ObjectId::of_server(kind, name.parse().unwrap());
        let found = [
            profile("shop"),
            profile("default"),
            server(ObjectKind::Project, "shop"),
            server(ObjectKind::StoragePool, "shop"),
        ]
        .map(|id| filter.takes(&id));
        assert_eq!(found, taken);
    }
}
