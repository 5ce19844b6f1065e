//! The profiles that a run makes because what it restores needs them.

use std::collections::BTreeMap;

use tokio::sync::Mutex;

use super::apply::Context;
use super::error::RestoreError;
use super::plan::Work;
use crate::model::{InvalidName, ObjectId, ObjectKind, ProjectName, ResourceName};
use crate::plan::Step;

fn id(project: &ProjectName, name: &str) -> Result<ObjectId, InvalidName> {
    let name: ResourceName = name.parse()?;
    Ok(ObjectId::in_project(
        ObjectKind::Profile,
        project.clone(),
        name,
    ))
}

/// A profile of a project.
type Key = (ProjectName, String);

/// What became of the profiles.
#[derive(Debug, Default)]
pub(super) struct Profiles(BTreeMap<Key, Mutex<State>>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has needed it yet.
    #[default]
    Wanted,
    /// It is there, made by this run.
    Made,
    /// It is there, made by somebody else: it is never changed.
    Found,
}

impl Profiles {
    /// The profiles of all steps, each once: several instances may need the same one.
    pub(super) fn of(steps: &[Step<Work>]) -> Self {
        let works = steps.iter().filter_map(Step::work_of);
        let keys = works.flat_map(|work| {
            let names = work.profiles.iter().map(|profile| profile.name.clone());
            names.map(|name| (work.project.clone(), name))
        });
        Self(keys.map(|key| (key, Mutex::default())).collect())
    }

    /// Makes the profiles that a step needs, unless they are there.
    pub(super) async fn make(&self, context: &Context, work: &Work) -> Result<(), RestoreError> {
        let client = &context.client;
        for profile in &work.profiles {
            let key = (work.project.clone(), profile.name.clone());
            let Some(state) = self.0.get(&key) else {
                continue;
            };
            let mut state = state.lock().await;
            if *state != State::Wanted {
                continue;
            }
            if client.profile(&key.0, &key.1).await?.is_some() {
                *state = State::Found;
                continue;
            }
            let id = id(&key.0, &key.1)?;
            client.create_object(&id, profile.content.clone()).await?;
            *state = State::Made;
        }
        Ok(())
    }

    /// Deletes those that were made and that nothing uses, because what needed them failed. The
    /// server keeps those that are used.
    pub(super) async fn delete_unused(self, context: &Context) {
        for ((project, name), state) in self.0 {
            if state.into_inner() != State::Made {
                continue;
            }
            let found = context.client.profile(&project, &name).await;
            let unused = |profile: &crate::incus::Profile| {
                let users = profile.raw["used_by"].as_array();
                users.is_none_or(Vec::is_empty)
            };
            if let Ok(Some(profile)) = found
                && unused(&profile)
                && let Ok(id) = id(&project, &name)
                && let Err(error) = context.client.delete_object(&id).await
            {
                let text = format!("cannot delete profile `{name}`, which nothing uses: {error}");
                context.progress.warn(&text);
            }
        }
    }
}
