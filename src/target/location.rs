//! Where a target is, as users write it.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::{InvalidRepository, Repository};

/// A place that can hold backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder, by its absolute path.
    Directory(PathBuf),
    /// A repository of restic.
    Restic(Repository),
}

/// A text that is not a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Nothing stands before a colon.
    #[error("`{0}` is not a target; write dir:/absolute/path or restic:REPOSITORY")]
    NoScheme(String),
    /// What stands there is not known.
    #[error("`{scheme}:` is not a kind of target; write dir:/absolute/path or restic:REPOSITORY")]
    Scheme {
        /// What stands there.
        scheme: String,
    },
    /// What stands behind `restic:` is not a repository.
    #[error("{0}")]
    Restic(#[from] InvalidRepository),
    /// The path is relative, or leads upwards.
    #[error("`{0}` is not an absolute path; write dir:/absolute/path")]
    Relative(String),
}

impl Location {
    /// Reads `dir:/absolute/path` and `restic:REPOSITORY`.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(LocationError::NoScheme(text.to_owned()));
        };
        match scheme.trim().to_ascii_lowercase().as_str() {
            "dir" => directory(rest),
            "restic" => Ok(Self::Restic(Repository::parse(rest)?)),
            scheme => Err(LocationError::Scheme {
                scheme: scheme.to_owned(),
            }),
        }
    }
}

fn directory(text: &str) -> Result<Location, LocationError> {
    let path = Path::new(text);
    let upwards = path.components().any(|part| part == Component::ParentDir);
    if !path.is_absolute() || upwards || text.contains('\0') {
        return Err(LocationError::Relative(text.to_owned()));
    }
    // Without trailing and double slashes.
    Ok(Location::Directory(path.components().collect()))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "dir:{}", path.display()),
            Self::Restic(repository) => write!(f, "restic:{repository}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::testing::mutation::{Change, mutated_text};

    #[rstest]
    #[case("dir:/a/b", "dir:/a/b")]
    #[case("dir://a//b/", "dir:/a/b")]
    #[case("DIR:/a", "dir:/a")]
    #[case("restic:/srv/r", "restic:/srv/r")]
    #[case(
        "restic:repo=rest:https://me:pw@h/,limit-upload=9",
        "restic:rest:https://***@h/"
    )]
    fn a_place_is_written_with_its_scheme_and_without_credentials(
        #[case] text: &str,
        #[case] shown: &str,
    ) {
        assert_eq!(Location::parse(text).unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("/a/b", LocationError::NoScheme("/a/b".into()))]
    #[case("dir:a/b", LocationError::Relative("a/b".into()))]
    #[case("dir:", LocationError::Relative(String::new()))]
    #[case("dir:/a/../b", LocationError::Relative("/a/../b".into()))]
    #[case("ftp:/x", LocationError::Scheme { scheme: "ftp".into() })]
    fn anything_else_is_refused_with_the_right_form(
        #[case] text: &str,
        #[case] error: LocationError,
    ) {
        assert!(error.to_string().contains("write dir:/absolute/path"));
        assert_eq!(Location::parse(text), Err(error));
    }

    proptest! {
        /// A folder is one, absolute, and does not lead upwards; what is shown has no password.
        #[test]
        fn a_place_that_is_nearly_one_is_refused_or_stays_what_it_is(
            example in 0..EXAMPLES.len(),
            changes in vec(any::<Change>(), 0..4),
        ) {
            let text = mutated_text(EXAMPLES[example], &changes);
            if let Ok(location) = Location::parse(&text) {
                let shown = location.to_string();
                match &location {
                    Location::Directory(path) => {
                        let inside = |part| matches!(part, Component::RootDir | Component::Normal(_));
                        prop_assert!(path.is_absolute() && path.components().all(inside));
                        prop_assert!(!shown.contains('\0'));
                        prop_assert_eq!(Location::parse(&shown).unwrap(), location);
                    }
                    Location::Restic(_) => {
                        prop_assert!(shown.starts_with("restic:"), "{shown:?}");
                        prop_assert!(!shown.contains(char::is_control), "{shown:?}");
                    }
                }
            }
        }

        /// Whatever stands before the `@` of an address is shown nowhere, not even where it is refused.
        #[test]
        fn credentials_are_never_shown(
            user in "[a-z:!$%^&*()+=~-]{0,8}",
            repo in any::<bool>(),
            tail in "(,[a-z.-]{0,12}(=[a-z0-9/]{0,8})?)?",
        ) {
            let repo = if repo { "repo=" } else { "" };
            let text = format!("restic:{repo}rest:https://{user}:s3cr3t@host/r{tail}");
            let shown = match Location::parse(&text) {
                Ok(location) => format!("{location} {location:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains("s3cr3t"), "{text}: {shown}");
        }
    }

    const EXAMPLES: [&str; 5] = [
        "dir:/mnt/nas/incus",
        "restic:/srv/r",
        "restic:sftp:me@host:/srv/r",
        "restic:repo=rest:https://me:pw@h/,limit-upload=9,option.s3.region=eu",
        "restic:repo=s3:https://h/b,password-file=/etc/p,compression=max",
    ];
}
