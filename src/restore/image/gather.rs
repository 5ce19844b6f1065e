//! What must be known before anything can be planned: reads, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::request::{Request, Scope};
use crate::incus::Client;
use crate::model::{ProjectName, ResourceId, Sha256};
use crate::plan::Coming;
use crate::restore::{RestoreError, Selection, key};
use crate::target::{State, Stored, Target};
use crate::temporary::is_unfinished;

/// What a plan is made from.
#[derive(Debug, Default)]
pub struct Facts {
    /// What was asked for.
    pub wanted: Vec<Wanted>,
    /// The projects of the server that are restored into, by the name that was asked for.
    pub servers: BTreeMap<ProjectName, Server>,
}

/// Something that was asked for.
#[derive(Debug)]
pub struct Wanted {
    /// The project that it is stored of.
    pub project: ProjectName,
    /// What the target holds of it.
    pub found: Found,
}

/// What the target holds of something that was asked for.
#[derive(Debug)]
pub enum Found {
    /// One image, and the versions of it that are meant.
    Image(ResourceId, Vec<Stored>),
    /// What was asked for is the name of no image, or of so many.
    Unknown {
        /// What was asked for.
        asked: String,
        /// How many images it may mean.
        fitting: usize,
    },
}

/// What a project of the server has.
#[derive(Debug)]
pub struct Server {
    /// The project that its images are in.
    pub home: ProjectName,
    /// The images that are there.
    pub images: BTreeSet<Sha256>,
    /// The aliases that are there, and what they stand for.
    pub aliases: BTreeMap<String, Sha256>,
    /// The profiles that images can name.
    pub profiles: BTreeSet<String>,
}

impl Facts {
    /// Counts on what earlier steps of the same plan will have made. A project that is not there yet
    /// has images of its own where some are stored of it.
    pub fn expect(&mut self, coming: &Coming) {
        for (name, project) in &coming.projects {
            let server = self.servers.entry(name.clone()).or_insert_with(|| Server {
                home: name.clone(),
                images: BTreeSet::new(),
                aliases: BTreeMap::new(),
                profiles: BTreeSet::new(),
            });
            server.profiles.extend(project.profiles.keys().cloned());
        }
    }
}

/// Reads what the plan needs; `stored` is what the target holds of the source's images.
pub async fn gather(
    client: &Client,
    request: &Request,
    target: &Arc<dyn Target>,
    stored: Vec<Stored>,
) -> Result<Facts, RestoreError> {
    let wanted = match &request.scope {
        Scope::AllProjects => all(stored),
        Scope::Project(project) => {
            let project = stored_under(client, project, &stored).await?;
            let of = |stored: &Stored| stored.id.resource.project() == Some(&project);
            all(stored.into_iter().filter(of).collect())
        }
        Scope::Named(project, names) => {
            let project = stored_under(client, project, &stored).await?;
            let of = |stored: &Stored| stored.id.resource.project() == Some(&project);
            let stored: Vec<Stored> = stored.into_iter().filter(of).collect();
            let found = |name: &String| Wanted {
                project: project.clone(),
                found: called(&stored, name, request.selection),
            };
            names.iter().map(found).collect()
        }
    };
    let versions = wanted.iter().filter_map(|wanted| match &wanted.found {
        Found::Image(_, versions) => Some(versions),
        Found::Unknown { .. } => None,
    });
    key::unlock(target, versions, request.selection).await?;
    let mut servers = BTreeMap::new();
    for wanted in &wanted {
        let name = request.mapping.project(&wanted.project);
        if !servers.contains_key(name)
            && let Some(project) = client.visible_project(name).await?
        {
            servers.insert(
                name.clone(),
                server(client, project.home_of_images()).await?,
            );
        }
    }
    Ok(Facts { wanted, servers })
}

/// The project that a project's images are stored under: its own, or `default` where it has none and
/// sees those.
async fn stored_under(
    client: &Client,
    project: &ProjectName,
    stored: &[Stored],
) -> Result<ProjectName, RestoreError> {
    let mut stored = stored.iter();
    if stored.any(|stored| stored.id.resource.project() == Some(project)) {
        return Ok(project.clone());
    }
    match client.project(project).await? {
        Some(found) => Ok(found.home_of_images()),
        None => Err(RestoreError::NoProject(project.clone())),
    }
}

async fn server(client: &Client, home: ProjectName) -> Result<Server, RestoreError> {
    let profiles = client.profiles(&home).await?;
    let mut server = Server {
        images: BTreeSet::new(),
        aliases: BTreeMap::new(),
        profiles: profiles.into_iter().map(|profile| profile.name).collect(),
        home,
    };
    for image in client.images(&server.home).await? {
        // It is deleted before this plan is applied.
        if is_unfinished(&image) {
            continue;
        }
        server.images.insert(image.fingerprint);
        let names = image.aliases().iter().map(|alias| alias.name.clone());
        let aliases = names.map(|name| (name, image.fingerprint));
        server.aliases.extend(aliases);
    }
    Ok(server)
}

/// Every stored image with its versions.
fn all(stored: Vec<Stored>) -> Vec<Wanted> {
    let wanted = |(id, versions): (ResourceId, Vec<Stored>)| {
        let project = id.project()?.clone();
        let found = Found::Image(id, versions);
        Some(Wanted { project, found })
    };
    by_image(stored).into_iter().filter_map(wanted).collect()
}

fn by_image(stored: impl IntoIterator<Item = Stored>) -> BTreeMap<ResourceId, Vec<Stored>> {
    let mut of_each: BTreeMap<ResourceId, Vec<Stored>> = BTreeMap::new();
    for version in stored {
        of_each
            .entry(version.id.resource.clone())
            .or_default()
            .push(version);
    }
    of_each
}

/// What a text means: as `incus` does, first an alias, then the beginning of a fingerprint.
///
/// An alias may have gone from image to image over time: the newest version that has it and that is
/// not excluded by the selection is meant, and of its image the versions that have it.
fn called(stored: &[Stored], text: &str, selection: Selection) -> Found {
    let in_question = |stored: &&Stored| match selection {
        Selection::Newest => true,
        Selection::Exactly(version) => stored.id.version == version,
        Selection::AsOf(moment) => stored.id.version.timestamp() <= moment,
    };
    let named: Vec<&Stored> = stored.iter().filter(|it| it.has_alias(text)).collect();
    let newest = named
        .iter()
        .copied()
        .filter(in_question)
        .max_by_key(|stored| (stored.state == State::Complete, stored.id.version));
    if let Some(newest) = newest {
        let id = newest.id.resource.clone();
        let of = |stored: &&Stored| stored.id.resource == id;
        let versions = named.into_iter().filter(of).cloned().collect();
        return Found::Image(id, versions);
    }
    let begins = |stored: &&Stored| {
        let name = stored.id.resource.name();
        name.is_some_and(|name| name.as_str().starts_with(text))
    };
    let mut fitting = by_image(stored.iter().filter(begins).cloned());
    match (fitting.len(), fitting.pop_first()) {
        (1, Some((id, versions))) => Found::Image(id, versions),
        (fitting, _) => Found::Unknown {
            asked: text.to_owned(),
            fitting,
        },
    }
}
