//! What an import leaves undone: the expiry of snapshots, the power state, the mark.

use super::apply::Context;
use super::error::RestoreError;
use super::legacy;
use super::limits::Permit;
use super::plan::Work;
use crate::archive::{Contents, Identity, is_identity};
use crate::incus::OperationError;
use crate::model::InstanceName;
use crate::progress::Cancel;
use crate::temporary::{Mark, edit_instance, is_of_a_mark, remember_identity};

/// An instance that was just imported.
pub(super) struct Finish<'a> {
    pub(super) work: &'a Work,
    /// The name that it was imported under.
    pub(super) name: &'a InstanceName,
    pub(super) contents: &'a Contents,
    /// The mark that it is given until it is in its place.
    pub(super) marked: Option<&'a Mark>,
}

/// Finishes an import.
pub(super) async fn finish(context: &Context, after: Finish<'_>) -> Result<(), RestoreError> {
    let Finish {
        work,
        name,
        contents,
        marked,
    } = after;
    let (client, project) = (&context.client, &work.project);
    if work.permit == Permit::Open {
        keep_out(context, work, name).await?;
    }
    // An optimized archive cannot be rewritten on the way.
    let rigid = contents.index.optimized;
    let mut rewritten = Ok(());
    edit_instance(client, project, name, |instance| {
        if rigid && !work.references.is_empty() {
            rewritten = work.references.rewrite_json(&mut instance.described);
        }
        let config = &mut instance.config;
        // One that was a temporary object once must not look like one.
        config.retain(|key, _| !is_of_a_mark(key));
        // It brings the identity that it had.
        if work.identity == Identity::New && rigid {
            config.retain(|key, _| !is_identity(key));
        }
        // An instance whose last state was running would be started at the server's next boot.
        config.insert("volatile.last_state.power".to_owned(), "STOPPED".to_owned());
        if let Some(mark) = marked {
            config.extend(mark.config().map(|(key, value)| (key.to_owned(), value)));
            remember_identity(config);
        }
    })
    .await?;
    rewritten?;
    // The server takes the snapshots' times of creation from the archive, but not their expiry.
    for (snapshot, expires_at) in contents.index.snapshot_expiries() {
        let set = client
            .set_snapshot_expiry(project, name, &snapshot, expires_at)
            .await?;
        match client.wait(&set, &Cancel::new(), |_| ()).await {
            Ok(()) | Err(OperationError::Vanished { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    legacy::drop_snapshots(context, work, (name, contents)).await
}

/// Looks whether something got in with the import that the project keeps out. The plan looked at the
/// description beside the archive; this is the archive's own word.
async fn keep_out(context: &Context, work: &Work, name: &InstanceName) -> Result<(), RestoreError> {
    let found = context.client.instance(&work.project, name).await?;
    let Some((instance, _)) = found else {
        return Ok(());
    };
    let smuggled = work.limits.smuggled(instance.instance_type, &instance.raw);
    match smuggled {
        None => Ok(()),
        Some(key) => Err(RestoreError::Smuggled {
            key,
            project: work.project.clone(),
        }),
    }
}
