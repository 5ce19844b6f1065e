//! Instances that are paused for a moment, guarded.

use super::change::{ChangeError, mark, pause, resume_only, unmark};
use super::guard::{Guard, GuardError, GuardProgram};
use super::reattach::InstanceAt;
use super::{Mark, Role};
use crate::incus::Client;
use crate::model::Owner;
use crate::progress::Progress;

/// Why instances cannot be paused, or do not go on.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// There is no guard.
    #[error("{0}")]
    Guard(#[from] GuardError),
    /// The server does not do it.
    #[error("{0}")]
    Change(#[from] ChangeError),
    /// One does not go on.
    #[error("cannot resume `{name}`; its guard tries on")]
    NotResumed {
        /// Which.
        name: String,
        /// Why.
        #[source]
        cause: ChangeError,
    },
}

/// Instances that are paused until [`end`](Self::end). Dropped without it, as by a panic, their
/// guard resumes them.
#[derive(Debug)]
pub struct Pause<'a> {
    client: &'a Client,
    guard: Guard,
    paused: Vec<InstanceAt>,
}

impl<'a> Pause<'a> {
    /// Pauses instances, all or none. Where one of those that were paused by then does not go on, that is
    /// told, and its guard tries on.
    pub async fn begin(
        client: &'a Client,
        program: &GuardProgram,
        owner: &Owner,
        instances: &[InstanceAt],
        progress: &dyn Progress,
    ) -> Result<Self, PauseError> {
        let mut this = Self {
            client,
            guard: program.start().await?,
            paused: Vec::new(),
        };
        match this.pause_all(owner, instances).await {
            Ok(()) => Ok(this),
            Err(error) => {
                if let Err(left) = this.end().await {
                    progress.warn(&left.to_string());
                }
                Err(error)
            }
        }
    }

    async fn pause_all(
        &mut self,
        owner: &Owner,
        instances: &[InstanceAt],
    ) -> Result<(), PauseError> {
        // All marked first, so that they stand still for as short as can be.
        for instance in instances {
            let own = Mark {
                owner: owner.clone(),
                role: Role::Paused,
                name: instance.name.clone(),
            };
            self.guard.watch(owner, instance).await?;
            self.paused.push(instance.clone());
            mark(self.client, &instance.project, &instance.name, &own).await?;
        }
        for InstanceAt { project, name } in instances {
            pause(self.client, project, name).await?;
        }
        Ok(())
    }

    /// Lets them go on. All are tried; where one does not, the guard goes on trying.
    pub async fn end(self) -> Result<(), PauseError> {
        let mut result = Ok(());
        for InstanceAt { project, name } in &self.paused {
            if let Err(cause) = resume_only(self.client, project, name).await {
                let name = name.to_string();
                result = result.and(Err(PauseError::NotResumed { name, cause }));
            }
        }
        // Without a word: its pipe closes here.
        result?;
        for InstanceAt { project, name } in &self.paused {
            match unmark(self.client, project, name).await {
                Ok(()) | Err(ChangeError::NoInstance(_)) => {}
                // The next run takes the mark off: it does no harm until then.
                Err(error) => tracing::debug!(%error, "a mark stays"),
            }
        }
        self.guard.release().await;
        Ok(())
    }
}
