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
    use rstest::rstest;

    use super::*;

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
}
