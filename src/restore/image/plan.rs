//! What will be done (pure).

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::no_project;
use super::gather::{Facts, Found, Server, Wanted};
use super::request::Request;
use crate::model::{AliasName, ProjectName, ResourceId, Sha256, Version};
use crate::plan::{Action, Plan, Row, Step};
use crate::restore::Existing;
use crate::restore::select::{are_damaged, select};
use crate::target::{ImageFacts, Manifest, Stored};

/// What applying one step needs.
#[derive(Debug)]
pub struct Work {
    /// The version to restore.
    pub stored: Stored,
    /// The project that the image comes to, or is in.
    pub project: ProjectName,
    /// What the server calls it: the SHA-256 of its files.
    pub content: Sha256,
    /// It is there, and only what is said of it changes.
    pub update: bool,
    /// What becomes of its aliases.
    pub aliases: Vec<(AliasName, Fate)>,
    /// The profiles that it names and the server has.
    pub profiles: Vec<String>,
}

/// What becomes of an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is made.
    Create,
    /// It stands for this image already; its description is brought into line.
    Update,
    /// It stands for another image, and is moved.
    Move,
}

/// Plans the restore of what was asked for.
pub fn plan(request: &Request, facts: &Facts) -> Plan<Work> {
    let owners = owners(request, facts);
    let mut seen = BTreeSet::new();
    let wanted = facts.wanted.iter();
    wanted
        .map(|wanted| match &wanted.found {
            Found::Unknown { asked, fitting } => unknown(&wanted.project, asked, *fitting),
            Found::Image(id, versions) => {
                let image = Chosen { wanted, id };
                image.step(request, facts, versions, (&owners, &mut seen))
            }
        })
        .collect()
}

/// Whether something that was asked for is refused because what is stored of it is damaged.
pub fn lacks_undamaged(request: &Request, facts: &Facts) -> bool {
    facts.wanted.iter().any(|wanted| match &wanted.found {
        Found::Image(_, versions) => are_damaged(versions, request.selection),
        Found::Unknown { .. } => false,
    })
}

/// Which image gets an alias that several of the plan had at their times: the one that has the newest
/// version. By the project that is restored into.
type Owners = BTreeMap<(ProjectName, String), (Version, ResourceId)>;

fn owners(request: &Request, facts: &Facts) -> Owners {
    let mut owners = Owners::new();
    for wanted in &facts.wanted {
        let Found::Image(id, versions) = &wanted.found else {
            continue;
        };
        let Ok(stored) = select(versions, request.selection) else {
            continue;
        };
        let image = stored.manifest.as_ref().and_then(|it| it.image.as_ref());
        let Some(server) = facts.servers.get(destination(request, wanted)) else {
            continue;
        };
        for alias in image.into_iter().flat_map(|image| &image.aliases) {
            let claim = (stored.id.version, id.clone());
            let owner = owners
                .entry((server.home.clone(), alias.clone()))
                .or_insert_with(|| claim.clone());
            if *owner < claim {
                *owner = claim;
            }
        }
    }
    owners
}

fn destination<'a>(request: &'a Request, wanted: &'a Wanted) -> &'a ProjectName {
    request.mapping.project(&wanted.project)
}

fn unknown(project: &ProjectName, asked: &str, fitting: usize) -> Step<Work> {
    let row = Row::new(
        Action::Refuse,
        &ResourceId::unknown_image(project.clone(), asked),
    );
    Step::rest(row.because(&match fitting {
        0 => format!("the target holds no image with the alias or fingerprint `{asked}`"),
        fitting => format!("`{asked}` is the beginning of {fitting} stored fingerprints"),
    }))
}

/// One image that was asked for.
struct Chosen<'a> {
    wanted: &'a Wanted,
    id: &'a ResourceId,
}

/// The images that earlier steps restore, by project.
type Seen = BTreeSet<(ProjectName, Sha256)>;

impl Chosen<'_> {
    fn step(
        &self,
        request: &Request,
        facts: &Facts,
        versions: &[Stored],
        (owners, seen): (&Owners, &mut Seen),
    ) -> Step<Work> {
        let row = |action| Row::new(action, self.id);
        let refuse = |row: Row, reason: &str| Step::rest(row.because(reason));
        let stored = match select(versions, request.selection) {
            Ok(stored) => stored,
            Err(reason) => return refuse(row(Action::Refuse), &reason),
        };
        let row = |action| row(action).version(stored.id.version);
        let manifest = stored.manifest.as_ref();
        let Some((manifest, image)) = manifest.and_then(|it| Some((it, it.image.as_ref()?))) else {
            return refuse(row(Action::Refuse), "its manifest is not that of an image");
        };
        let to = destination(request, self.wanted);
        let Some(server) = facts.servers.get(to) else {
            let reason = no_project(to);
            return refuse(row(Action::Refuse), &reason);
        };
        let exists = server.images.contains(&image.content);
        let action = match (exists, request.existing) {
            (false, _) => Action::Create,
            (true, Existing::Skip) => {
                return Step::rest(row(Action::Skip).because("it exists"));
            }
            (true, Existing::Refuse) => {
                let reason = "it exists; --replace brings its properties and aliases into line, \
                              --skip-existing leaves it";
                return refuse(row(Action::Refuse), reason);
            }
            (true, Existing::Replace) => Action::Update,
        };
        if !seen.insert((server.home.clone(), image.content)) {
            let reason = "the same image comes from another project already";
            return Step::rest(row(Action::Skip).because(reason));
        }
        let (aliases, notes) = self.aliases(request, server, (image, owners));
        let (profiles, missing): (Vec<String>, Vec<String>) = manifest
            .requires
            .profiles
            .iter()
            .map(|name| request.mapping.profile(name).to_owned())
            .partition(|name| server.profiles.contains(name));
        let mut shown = self.describe(row(action), image, &aliases);
        if self.wanted.project != server.home {
            shown = shown.because(&format!("to project `{}`", server.home));
        }
        for note in notes {
            shown = shown.because(&note);
        }
        if !missing.is_empty() {
            shown = shown.because(&format!("without missing profiles: {}", missing.join(", ")));
        }
        let work = Work {
            stored: stored.clone(),
            project: server.home.clone(),
            content: image.content,
            update: exists,
            aliases,
            profiles,
        };
        Step::work(shown, work)
    }

    fn describe(&self, row: Row, image: &ImageFacts, aliases: &[(AliasName, Fate)]) -> Row {
        let names: Vec<&str> = aliases.iter().map(|(name, _)| name.as_str()).collect();
        let mut row = row;
        if !names.is_empty() {
            row = row.because(&names.join(", "));
        } else if let Some(description) = &image.description {
            row = row.because(description);
        }
        if row.action == Action::Update {
            row = row.because("only what is said of it: its files are the same");
        }
        let content = image.content.to_string();
        if self.id.name().is_some_and(|name| name.as_str() != content) {
            row = row.because(&format!(
                "made from an OCI image: it comes back as {content}"
            ));
        }
        row
    }

    /// What becomes of the aliases, and what the user should know of those that do not come.
    fn aliases(
        &self,
        request: &Request,
        server: &Server,
        (image, owners): (&ImageFacts, &Owners),
    ) -> (Vec<(AliasName, Fate)>, Vec<String>) {
        let (mut fates, mut notes) = (Vec::new(), Vec::new());
        for text in &image.aliases {
            let name: AliasName = match text.parse() {
                Ok(name) => name,
                Err(error) => {
                    notes.push(format!("without an alias: {error}"));
                    continue;
                }
            };
            let owner = owners.get(&(server.home.clone(), text.clone()));
            if let Some((version, owner)) = owner
                && owner != self.id
            {
                notes.push(format!(
                    "alias `{name}` goes to {}, which had it in version {version}",
                    short(owner.name().map_or("", |name| name.as_str()))
                ));
                continue;
            }
            match server.aliases.get(text) {
                None => fates.push((name, Fate::Create)),
                Some(target) if *target == image.content => fates.push((name, Fate::Update)),
                Some(target) if request.force => {
                    let from = target.to_string();
                    notes.push(format!("alias `{name}` is taken from {}", short(&from)));
                    fates.push((name, Fate::Move));
                }
                Some(target) => {
                    let with = target.to_string();
                    notes.push(format!(
                        "alias `{name}` stays with {}; --force moves it",
                        short(&with)
                    ));
                }
            }
        }
        (fates, notes)
    }
}

/// The beginning of a fingerprint, as `incus image list` shows it.
fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

/// A version's manifest, where it is an image's.
pub(super) fn image_of(stored: &Stored) -> Option<(&Manifest, &ImageFacts)> {
    let manifest = stored.manifest.as_ref()?;
    Some((manifest, manifest.image.as_ref()?))
}
