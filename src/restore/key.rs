//! Whether what is meant can be decrypted: asked before anything is planned.

use std::sync::Arc;

use super::error::RestoreError;
use super::request::Selection;
use super::select::select;
use crate::target::{Stored, StoredId, Target, TargetError};

/// Fails where a version that is meant is encrypted and no key at hand opens it. What else keeps it from
/// being read is told when it is restored.
pub(super) async fn unlock<'a>(
    target: &Arc<dyn Target>,
    wanted: impl IntoIterator<Item = &'a Vec<Stored>>,
    selection: Selection,
) -> Result<(), RestoreError> {
    let meant = wanted
        .into_iter()
        .filter_map(|versions| select(versions, selection).ok())
        .filter(|stored| stored.is_encrypted());
    let meant: Vec<StoredId> = meant.map(|stored| stored.id.clone()).collect();
    if meant.is_empty() {
        return Ok(());
    }
    let target = target.clone();
    let opened = tokio::task::spawn_blocking(move || open(&*target, &meant));
    Ok(opened.await.map_err(|_| RestoreError::Worker)??)
}

fn open(target: &dyn Target, meant: &[StoredId]) -> Result<(), TargetError> {
    for id in meant {
        match target.open(id).and_then(|opened| opened.unlock()) {
            Err(error) if error.is_key() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
