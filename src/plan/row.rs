//! A row of a plan: what will be done to one resource, and why.

use std::fmt;

use serde::Serialize;

use crate::model::{
    Kind, ObjectId, PoolName, ProjectName, ResourceId, ResourceName, SourceName, Version,
};

/// What a plan does with one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Makes something that is not there.
    Create,
    /// Puts something in the place of what is there.
    Replace,
    /// Changes what is there.
    Update,
    /// Removes what is there.
    Delete,
    /// Leaves it alone, because there is nothing to do.
    Skip,
    /// Leaves it alone, because it is to stay.
    Keep,
    /// Leaves it alone, because what was asked cannot or must not be done.
    Refuse,
}

impl Action {
    /// Every action, in the order in which a sum names them.
    pub const ALL: [Self; 7] = [
        Self::Create,
        Self::Replace,
        Self::Update,
        Self::Delete,
        Self::Skip,
        Self::Keep,
        Self::Refuse,
    ];

    /// Whether it changes a server or a target.
    pub fn changes(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Replace | Self::Update | Self::Delete
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Skip => "skip",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        })
    }
}

/// A row of a plan, with the keys of every plan in JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What is done.
    pub action: Action,
    /// The server, where a command is about several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
    /// What kind of thing it is done to.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The project of the resource, for kinds that are in one.
    pub project: Option<ProjectName>,
    /// The storage pool of the resource, for volumes and buckets.
    pub pool: Option<PoolName>,
    /// The name of the resource; the configuration of a server has none.
    pub name: Option<ResourceName>,
    /// The object of a server's configuration, for rows about one.
    pub object: Option<ObjectId>,
    /// The version that is made, restored or removed, where it is known.
    pub version: Option<Version>,
    /// Why, and what the user should know before agreeing; several reasons are joined by `; `.
    pub reason: String,
}

impl Row {
    /// A row for one resource, with no version and no reason yet.
    pub fn new(action: Action, resource: &ResourceId) -> Self {
        Self {
            action,
            source: None,
            kind: resource.kind(),
            project: resource.project().cloned(),
            pool: resource.pool().cloned(),
            name: resource.name().cloned(),
            object: None,
            version: None,
            reason: String::new(),
        }
    }

    /// A row for one object of a server's configuration.
    pub fn of_object(action: Action, object: &ObjectId) -> Self {
        Self {
            project: object.project.clone(),
            object: Some(object.clone()),
            ..Self::new(action, &ResourceId::config())
        }
    }

    /// Names the version.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Adds a reason after those it has.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        if !self.reason.is_empty() {
            self.reason.push_str("; ");
        }
        self.reason.push_str(reason);
        self
    }

    /// The resource that it is about, where it names one; an object of a configuration is none.
    pub fn resource(&self) -> Option<ResourceId> {
        if self.object.is_some() {
            return None;
        }
        let (project, name) = match self.kind {
            Kind::Config => return Some(ResourceId::config()),
            _ => (self.project.clone()?, self.name.clone()?),
        };
        Some(match self.kind {
            Kind::Instance => ResourceId::stored_instance(project, name),
            Kind::Image => ResourceId::image(project, name),
            kind => ResourceId::in_pool(kind, project, self.pool.clone()?, name),
        })
    }

    /// How messages name the resource: `POOL/NAME`, or its name, or its kind; with its server before a
    /// colon, where there are several.
    pub fn subject(&self) -> String {
        match &self.source {
            Some(source) => format!("{source}:{}", self.described()),
            None => self.described(),
        }
    }

    fn described(&self) -> String {
        if let Some(object) = &self.object {
            return format!("{} {}", object.kind, object.path());
        }
        match (&self.pool, &self.name) {
            (Some(pool), Some(name)) => format!("{pool}/{name}"),
            (None, Some(name)) => name.to_string(),
            (_, None) => self.kind.to_string(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    /// A row for the instance `name` of the project `default`.
    pub(in crate::plan) fn row(action: Action, name: &str) -> Row {
        let id = ResourceId::stored_instance(ProjectName::default_project(), name.parse().unwrap());
        Row::new(action, &id)
    }

    #[rstest]
    #[case(Action::Create, "create", true)]
    #[case(Action::Replace, "replace", true)]
    #[case(Action::Update, "update", true)]
    #[case(Action::Delete, "delete", true)]
    #[case(Action::Skip, "skip", false)]
    #[case(Action::Keep, "keep", false)]
    #[case(Action::Refuse, "refuse", false)]
    fn an_action_has_one_word_and_changes_or_not(
        #[case] action: Action,
        #[case] word: &str,
        #[case] changes: bool,
    ) {
        assert_eq!(action.to_string(), word);
        assert_eq!(serde_json::to_value(action).unwrap(), word);
        assert_eq!(action.changes(), changes);
        assert!(Action::ALL.contains(&action));
    }

    #[test]
    fn a_row_has_the_documented_keys_in_their_order() {
        let row = row(Action::Create, "web")
            .version("20260131T235959Z".parse().unwrap())
            .because("paused while 1.2 GiB are copied")
            .because("snapshots are left out");
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"action":"create","type":"instance","project":"default","pool":null,"name":"web","object":null,"version":"20260131T235959Z","reason":"paused while 1.2 GiB are copied; snapshots are left out"}"#
        );
        assert_eq!(row.subject(), "web");
    }

    #[test]
    fn a_row_names_the_resource_that_it_was_made_for() {
        let project = ProjectName::default_project();
        let name: ResourceName = "x".parse().unwrap();
        let pool: PoolName = "tank".parse().unwrap();
        for id in [
            ResourceId::config(),
            ResourceId::stored_instance(project.clone(), name.clone()),
            ResourceId::image(project.clone(), name.clone()),
            ResourceId::in_pool(Kind::Volume, project.clone(), pool.clone(), name.clone()),
            ResourceId::in_pool(Kind::Bucket, project, pool, name),
        ] {
            assert_eq!(Row::new(Action::Create, &id).resource(), Some(id));
        }
    }
}
