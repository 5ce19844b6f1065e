//! Which stored version a path is in.

use std::sync::Arc;

use crate::cli::args::{Answers, FileChoice};
use crate::cli::command::show::pick;
use crate::cli::command::source::{choose, of_one_source, project_of, versions};
use crate::cli::context::{Context, blocking};
use crate::cli::failure::CommandError;
use crate::files::{FilePath, FilesError, Place, Reader};
use crate::model::Kind;
use crate::progress::Task;
use crate::target::{Stored, StoredId, Target};

/// A path in the versions of one resource.
pub(super) struct Source {
    pub(super) target: Arc<dyn Target>,
    /// `[REMOTE:]NAME`, or `[REMOTE:]POOL/NAME`.
    pub(super) name: String,
    pub(super) path: FilePath,
    /// The versions that there are, oldest first.
    pub(super) stored: Vec<Stored>,
}

impl Source {
    /// Looks for what a path names.
    pub(super) async fn find(
        context: &Context,
        (choice, answers): (&FileChoice, &Answers),
        kind: Kind,
    ) -> Result<Self, CommandError> {
        let (name, path) = split(&choice.path, kind)?;
        let target = context.target(&choice.target, answers).await?;
        let arguments = std::slice::from_ref(&name);
        let chosen = choose(context, arguments, choice.source.from.as_ref()).await?;
        let project = project_of(context, arguments, choice.project.as_ref())?;
        let stored = versions(&target, &chosen, kind, project.as_ref()).await?;
        of_one_source(&stored)?;
        Ok(Self {
            target,
            name,
            path,
            stored,
        })
    }

    /// The version that is meant.
    pub(super) fn version(&self, choice: &FileChoice) -> Result<&Stored, CommandError> {
        pick(&self.name, choice.version, &self.stored)
    }

    /// Opens a version, and does something with it on a thread of its own.
    pub(super) async fn with_reader<T: Send + 'static>(
        &self,
        context: &Context,
        (id, snapshot): (&StoredId, Option<&str>),
        work: impl FnOnce(&Reader, &Place) -> Result<T, FilesError> + Send + 'static,
    ) -> Result<T, CommandError> {
        let task: Arc<dyn Task> = Arc::from(context.progress.task(&self.name));
        let (target, id) = (self.target.clone(), id.clone());
        let snapshot = snapshot.map(str::to_owned);
        let cancel = context.cancel.clone();
        // It stops by itself when it is told to, and takes away what it has begun.
        let done = blocking(move || {
            let reader = Reader::open(&target, &id, (task, cancel))?;
            let place = Place::of(reader.manifest(), snapshot.as_deref())?;
            work(&reader, &place)
        });
        Ok(done.await??)
    }
}

/// Takes `[REMOTE:]NAME/PATH` apart; a volume's name has its pool before it.
fn split(text: &str, kind: Kind) -> Result<(String, FilePath), CommandError> {
    let parts = if kind == Kind::Volume { 2 } else { 1 };
    let end = text
        .match_indices('/')
        .map(|(at, _)| at)
        .nth(parts - 1)
        .unwrap_or(text.len());
    let (name, path) = text.split_at(end);
    if name.is_empty() || name.ends_with([':', '/']) {
        return Err(CommandError::Usage(format!(
            "`{text}` names nothing to look into: write `[REMOTE:]NAME/PATH`"
        )));
    }
    Ok((name.to_owned(), FilePath::parse(path)?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Kind::Instance, "web", Some(("web", "/")))]
    #[case(Kind::Instance, "web/", Some(("web", "/")))]
    #[case(Kind::Instance, "prod:web/etc/a:b", Some(("prod:web", "/etc/a:b")))]
    #[case(Kind::Volume, "default/data", Some(("default/data", "/")))]
    #[case(Kind::Volume, "prod:default/data/x/y", Some(("prod:default/data", "/x/y")))]
    #[case(Kind::Instance, "web/../x", None)]
    #[case(Kind::Instance, "/etc", None)]
    #[case(Kind::Instance, "prod:", None)]
    #[case(Kind::Instance, "", None)]
    fn a_path_is_a_name_and_what_follows(
        #[case] kind: Kind,
        #[case] text: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let found = split(text, kind).ok();
        let found = found.map(|(name, path)| (name, path.to_string()));
        let expected = expected.map(|(name, path)| (name.to_owned(), path.to_owned()));
        assert_eq!(found, expected);
    }
}
