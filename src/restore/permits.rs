//! The projects that a run opens for its imports, each for as long as any of them needs it.

use std::collections::BTreeMap;

use tokio::sync::Mutex;

use super::apply::Context;
use super::error::RestoreError;
use super::limits::Permit;
use super::plan::Work;
use crate::model::ProjectName;
use crate::plan::Step;
use crate::temporary::{close_project, open_project};

/// How many imports need each project open.
#[derive(Debug, Default)]
pub(super) struct Permits(BTreeMap<ProjectName, Mutex<usize>>);

impl Permits {
    /// The projects that the steps need open.
    pub(super) fn of(steps: &[Step<Work>]) -> Self {
        let works = steps.iter().filter_map(Step::work_of);
        let open = works.filter(|work| work.permit == Permit::Open);
        Self(
            open.map(|work| (work.project.clone(), Mutex::default()))
                .collect(),
        )
    }

    /// Does something while the project of a step is open, if it must be. The project is as it was
    /// when this returns, whatever came of it, unless another import or another run still needs it.
    pub(super) async fn with<T>(
        &self,
        context: &Context,
        work: &Work,
        done: impl Future<Output = Result<T, RestoreError>>,
    ) -> Result<T, RestoreError> {
        let Some(users) = self
            .0
            .get(&work.project)
            .filter(|_| work.permit == Permit::Open)
        else {
            return done.await;
        };
        let (client, project) = (&context.client, &work.project);
        {
            let mut users = users.lock().await;
            if *users == 0
                && let Err(error) = open_project(client, project, &context.owner).await
            {
                // It may be open all the same, where only the answer was lost.
                let _ = close_project(client, project, &context.owner).await;
                return Err(RestoreError::NotOpened(project.clone(), Box::new(error)));
            }
            *users += 1;
        }
        let done = done.await;
        let mut users = users.lock().await;
        *users -= 1;
        if *users == 0
            && let Err(error) = close_project(client, project, &context.owner).await
        {
            context.progress.warn(&format!(
                "cannot put the settings of project `{project}` back: {error}; the next run tries \
                 again, and its `user.incus-backup.before` says what they were"
            ));
        }
        done
    }
}
