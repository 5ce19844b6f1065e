//! What must be known before anything can be planned: reads, and nothing else.

use std::collections::BTreeMap;

use super::request::{Request, Scope};
use crate::backup::BackupError;
use crate::incus::{Client, Image};
use crate::model::{ProjectName, Sha256, SourceName};
use crate::target::{State, Stored};
use crate::temporary::is_coming;

/// What a plan is made from.
#[derive(Debug, Default)]
pub struct Facts {
    /// The images that exist.
    pub candidates: Vec<Candidate>,
    /// What was asked for and is not the name of one image.
    pub unknown: Vec<Unknown>,
    /// The stored versions that hold the data of these images, the best to share first.
    pub stored: BTreeMap<Sha256, Vec<Stored>>,
}

/// One image, as far as the plan needs to know it.
#[derive(Debug)]
pub struct Candidate {
    /// The image.
    pub image: Image,
    /// It was asked for by name.
    pub named: bool,
    /// The project that was asked for, where that has no images of its own.
    pub seen_from: Option<ProjectName>,
}

/// A name that is not that of one image.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The project.
    pub project: ProjectName,
    /// What was asked for.
    pub asked: String,
    /// How many images it may mean: none, or several.
    pub fitting: usize,
}

/// Reads what the plan needs; `stored` is all that the target holds of images.
pub async fn gather(
    client: &Client,
    request: &Request,
    stored: &[Stored],
) -> Result<Facts, BackupError> {
    let mut facts = Facts::default();
    match &request.scope {
        Scope::AllProjects => {
            for project in client.projects().await? {
                // Those without images of their own see those of `default`.
                if project.home_of_images() == project.name {
                    let images = client.images(&project.name).await?;
                    facts.candidates.extend(images.into_iter().map(unnamed));
                }
            }
        }
        Scope::Project(name) => {
            let home = home(client, name).await?;
            let images = client.images(&home).await?;
            let seen_from = (home != *name).then(|| name.clone());
            facts.candidates.extend(images.into_iter().map(|image| {
                let seen_from = seen_from.clone();
                Candidate {
                    seen_from,
                    ..unnamed(image)
                }
            }));
        }
        Scope::Named(name, asked) => {
            let home = home(client, name).await?;
            let images = client.images(&home).await?;
            let seen_from = (home != *name).then_some(name);
            add_named(&mut facts, (&home, seen_from), &images, asked);
        }
    }
    // What some restore has not finished is no image yet.
    facts
        .candidates
        .retain(|candidate| !is_coming(&candidate.image));
    for candidate in &facts.candidates {
        let image = &candidate.image;
        let mut holding: Vec<Stored> = stored
            .iter()
            .filter(|stored| holds(stored, image, &request.source))
            .cloned()
            .collect();
        // What this server's own versions hold is the likeliest to stay.
        holding.sort_by_key(|stored| {
            let own = stored.id.source == request.source;
            (!own, std::cmp::Reverse(stored.id.version))
        });
        if !holding.is_empty() {
            facts.stored.insert(image.fingerprint, holding);
        }
    }
    Ok(facts)
}

/// The project that the images of a project are in. One that does not exist is an error: the server
/// lists nothing for it, and says nothing.
async fn home(client: &Client, name: &ProjectName) -> Result<ProjectName, BackupError> {
    match client.project(name).await? {
        Some(project) => Ok(project.home_of_images()),
        None => Err(BackupError::NoProject(name.clone())),
    }
}

fn unnamed(image: Image) -> Candidate {
    Candidate {
        image,
        named: false,
        seen_from: None,
    }
}

fn add_named(
    facts: &mut Facts,
    (home, seen_from): (&ProjectName, Option<&ProjectName>),
    images: &[Image],
    asked: &[String],
) {
    for text in asked {
        match called(images, text)[..] {
            [image] => {
                let known = facts.candidates.iter();
                if known
                    .map(|candidate| candidate.image.fingerprint)
                    .any(|known| known == image.fingerprint)
                {
                    continue;
                }
                facts.candidates.push(Candidate {
                    image: image.clone(),
                    named: true,
                    seen_from: seen_from.cloned(),
                });
            }
            ref several => facts.unknown.push(Unknown {
                project: home.clone(),
                asked: text.clone(),
                fitting: several.len(),
            }),
        }
    }
}

/// The images that a text may mean: as `incus` does, first by alias, then by the beginning of the
/// fingerprint.
fn called<'a>(images: &'a [Image], text: &str) -> Vec<&'a Image> {
    let by_alias = images
        .iter()
        .find(|image| image.aliases().iter().any(|alias| alias.name == text));
    match by_alias {
        Some(image) => vec![image],
        None => images
            .iter()
            .filter(|image| image.fingerprint.to_string().starts_with(text))
            .collect(),
    }
}

/// Whether a version holds the files of an image.
///
/// Where the fingerprint is not that of the files, it must be the same copy on the same server.
fn holds(stored: &Stored, image: &Image, source: &SourceName) -> bool {
    let Some(manifest) = &stored.manifest else {
        return false;
    };
    let Some(facts) = &manifest.image else {
        return false;
    };
    let named = manifest
        .name
        .as_ref()
        .is_some_and(|name| name.as_str() == image.fingerprint.to_string());
    let proved = facts.content == image.fingerprint;
    let same_copy = stored.id.source == *source
        && facts.uploaded_at == image.uploaded_at
        && stored.size.0 == image.size;
    stored.state == State::Complete && named && (proved || same_copy)
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// An image whose fingerprint begins so, with an alias.
    pub(in crate::backup::image) fn image(beginning: &str, alias: &str) -> Image {
        Image::parse(json!({
            "fingerprint": format!("{beginning:0<64}"), "type": "container", "size": 7,
            "aliases": [{ "name": alias, "description": "" }], "properties": {},
        }))
        .unwrap()
    }

    #[rstest]
    #[case("debian/12", &["abc"])]
    #[case("abd", &["abc"])]
    #[case("abc", &["abc"])]
    #[case("ab", &["abc", "abd1"])]
    #[case("x", &[])]
    fn an_alias_goes_before_a_fingerprint(#[case] text: &str, #[case] found: &[&str]) {
        let images = [
            image("abc", "debian/12"),
            image("abd1", "other"),
            image("c", "c"),
        ];
        // An alias that looks like the beginning of another's fingerprint.
        let mut images = images.to_vec();
        if let Some(aliases) = &mut images[0].aliases {
            aliases.push(crate::incus::ImageAlias {
                name: "abd".into(),
                description: String::new(),
            });
        }
        let beginnings: Vec<String> = called(&images, text)
            .iter()
            .map(|image| {
                image
                    .fingerprint
                    .to_string()
                    .trim_end_matches('0')
                    .to_owned()
            })
            .collect();
        assert_eq!(beginnings, found);
    }
}
