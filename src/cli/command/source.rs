//! Which stored versions a command means.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::failure::CommandError;
use crate::cli::args::Chosen;
use crate::cli::context::{Context, blocking, source_of};
use crate::cli::names::{self, Named};
use crate::incus::Config;
use crate::model::{Kind, ProjectName, ResourceId, SourceName, Subject};
use crate::target::{Filter, Stored, Target};

/// Checks that a target holds something of a source.
pub(super) async fn sources(
    target: &Arc<dyn Target>,
    source: &SourceName,
) -> Result<(), CommandError> {
    let (reader, wanted) = (target.clone(), source.clone());
    blocking(move || {
        let known = reader.sources()?;
        if known.contains(&wanted) {
            return Ok(());
        }
        let target = reader.location().to_string();
        Err(CommandError::NoSource {
            target,
            wanted,
            known,
        })
    })
    .await?
}

/// Everything that a target holds of a kind of one source, which must be there.
pub(super) async fn stored_of(
    target: &Arc<dyn Target>,
    source: &SourceName,
    kind: Kind,
) -> Result<Vec<Stored>, CommandError> {
    let filter = Filter {
        source: Some(source.clone()),
        kind: Some(kind),
        ..Filter::default()
    };
    sources(target, source).await?;
    let reader = target.clone();
    Ok(blocking(move || reader.versions(&filter)).await??)
}

/// What `list`, `show` and `delete` look at.
pub(super) struct Choice {
    /// The source; any where none was named.
    pub(super) source: Option<SourceName>,
    /// The names, as written.
    pub(super) named: Named,
}

/// The source that `--from` or a remote names. A server is asked for its name only where the remote
/// is `local` and was written out.
pub(super) async fn choose(
    context: &Context,
    arguments: &[String],
    from: Option<&SourceName>,
) -> Result<Choice, CommandError> {
    // Without a remote in the arguments the client's configuration does not matter, broken or not.
    if !arguments.iter().any(|argument| argument.contains(':')) {
        let named = names::without_remote(arguments)?;
        return Ok(Choice {
            source: from.cloned(),
            named,
        });
    }
    let config: Config = context.config()?;
    let named = names::resolve(&config, arguments)?;
    let source = match from {
        Some(source) => source.clone(),
        None if named.remote.as_str() != "local" => named.remote.as_str().parse()?,
        None => {
            source_of(
                &context.connect(&config, &named.remote).await?,
                &named.remote,
            )?
            .name
        }
    };
    Ok(Choice {
        source: Some(source),
        named,
    })
}

/// The project that names mean: the flag's, the environment's, the remote's; none where none says.
/// The same as `create` and `restore` take, or `delete` would take another one's backups.
pub(super) fn project_of(
    context: &Context,
    arguments: &[String],
    flag: Option<&ProjectName>,
) -> Result<Option<ProjectName>, CommandError> {
    if flag.is_some() {
        return Ok(flag.cloned());
    }
    let config = context.config()?;
    let remote = names::resolve(&config, arguments)?.remote;
    Ok(config.project(&remote, None)?)
}

/// The versions of a kind that a choice and a project leave, by source, resource and version.
pub(super) async fn versions(
    target: &Arc<dyn Target>,
    choice: &Choice,
    kind: Kind,
    project: Option<&ProjectName>,
) -> Result<Vec<Stored>, CommandError> {
    let names = choice.named.names.iter();
    let subjects: Result<Vec<Subject>, _> = names.map(|name| Subject::parse(kind, name)).collect();
    let subjects = subjects?;
    let stored = if let Some(source) = &choice.source {
        stored_of(target, source, kind).await?
    } else {
        let filter = Filter {
            kind: Some(kind),
            ..Filter::default()
        };
        let reader = target.clone();
        blocking(move || reader.versions(&filter)).await??
    };
    let mut stored = stored;
    if let Some(project) = project {
        stored.retain(|stored| stored.id.resource.project() == Some(project));
    }
    if !subjects.is_empty() {
        let subjects = subjects.iter();
        let meant: Vec<ResourceId> = subjects.flat_map(|it| called(it, &stored)).collect();
        stored.retain(|stored| meant.contains(&stored.id.resource));
    }
    Ok(stored)
}

/// The resources that are called so; an image first by an alias that any of its versions has, then
/// by its fingerprint.
fn called(subject: &Subject, stored: &[Stored]) -> Vec<ResourceId> {
    let resources = |fits: &dyn Fn(&Stored) -> bool| {
        let mut found: Vec<ResourceId> = Vec::new();
        for version in stored.iter().filter(|version| fits(version)) {
            if !found.contains(&version.id.resource) {
                found.push(version.id.resource.clone());
            }
        }
        found
    };
    let aliased = resources(&|stored| stored.has_alias(subject.name()));
    if aliased.is_empty() {
        resources(&|stored| subject.names(&stored.id.resource))
    } else {
        aliased
    }
}

/// Refuses a name that may mean several images.
pub(super) fn must_be_one(text: &str, resources: &[ResourceId]) -> Result<(), CommandError> {
    let mut names: Vec<&str> = resources
        .iter()
        .filter(|resource| resource.kind() == Kind::Image)
        .filter_map(|resource| Some(resource.name()?.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < 2 {
        return Ok(());
    }
    Err(CommandError::Usage(format!(
        "`{text}` means {} stored images; say which: {}",
        names.len(),
        names.join(", ")
    )))
}

/// The source that some versions are all of; two servers' are not mixed.
pub(super) fn of_one_source(stored: &[Stored]) -> Result<(), CommandError> {
    let sources: BTreeSet<&SourceName> = stored.iter().map(|stored| &stored.id.source).collect();
    if sources.len() <= 1 {
        return Ok(());
    }
    let names: Vec<&str> = sources.iter().map(|source| source.as_str()).collect();
    Err(CommandError::Usage(format!(
        "the target holds that of several servers; say which with --from: {}",
        names.join(", ")
    )))
}

/// The resources of a project that names mean; for a name that means none that would be its own, so
/// that the plan can say that there is none.
pub(super) fn resources(
    kind: Kind,
    names: &[String],
    stored: &[Stored],
    project: &ProjectName,
) -> Result<Vec<ResourceId>, CommandError> {
    let mut resources: Vec<ResourceId> = Vec::new();
    for name in names {
        let subject = Subject::parse(kind, name)?;
        let called = called(&subject, stored);
        must_be_one(name, &called)?;
        if called.is_empty() {
            resources.push(subject.in_project(project.clone()));
        }
        for resource in called {
            if !resources.contains(&resource) {
                resources.push(resource);
            }
        }
    }
    Ok(resources)
}

/// The versions that `verify` and `prune` look at, of whatever kind; every name must mean some.
pub(super) async fn chosen(
    context: &Context,
    target: &Arc<dyn Target>,
    args: &Chosen,
) -> Result<Vec<Stored>, CommandError> {
    let choice = choose(context, &args.names, args.source.from.as_ref()).await?;
    // A name that is mistyped must not pass for one of which nothing is due.
    if let Some(source) = &choice.source {
        sources(target, source).await?;
    }
    let filter = Filter {
        source: choice.source.clone(),
        kind: args.kind,
        ..Filter::default()
    };
    let reader = target.clone();
    let all = blocking(move || reader.versions(&filter)).await??;
    let names = |name: &str, stored: &Stored| {
        let resource = &stored.id.resource;
        stored.has_alias(name)
            || Subject::parse(resource.kind(), name).is_ok_and(|subject| subject.names(resource))
    };
    let of_project = |stored: &Stored| {
        let own = stored.id.resource.project();
        args.project
            .as_ref()
            .is_none_or(|project| own == Some(project))
    };
    let all: Vec<Stored> = all.into_iter().filter(of_project).collect();
    let wanted = &choice.named.names;
    for name in wanted {
        if !all.iter().any(|stored| names(name, stored)) {
            let text = format!("the target holds no version of `{name}`");
            return Err(CommandError::NoVersion(text));
        }
    }
    let any = |stored: &Stored| wanted.is_empty() || wanted.iter().any(|name| names(name, stored));
    Ok(all.into_iter().filter(any).collect())
}
