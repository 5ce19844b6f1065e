//! Which repository, and how restic is to treat it.

use std::fmt;
use std::path::PathBuf;

use crate::target::without_credentials;

/// What a repository that is not on this machine begins with.
const SCHEMES: [&str; 9] = [
    "sftp:", "rest:", "s3:", "azure:", "gs:", "b2:", "swift:", "rclone:", "local:",
];

/// A repository, as the target's URI and the settings give it.
#[derive(Clone, PartialEq, Eq)]
pub struct Repository {
    /// What `restic -r` takes. It can hold credentials.
    address: String,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// Where restic keeps what it has read of the repository.
    pub cache_dir: Option<PathBuf>,
    /// `off`, `auto` or `max`.
    compression: Option<String>,
    /// The other keys, as restic's flags of the same name.
    flags: Vec<(String, String)>,
    /// `option.KEY=VALUE`: restic's extended options.
    options: Vec<(String, String)>,
}

/// A text that does not name a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRepository {
    /// Nothing of it is a repository.
    #[error(
        "`restic:{0}` names no repository; write restic:/absolute/path or restic:repo=sftp:user@host:/path"
    )]
    None(String),
    /// A key that is not one.
    #[error(
        "`{0}` is no key of a restic target; the keys are repo, password-file, cache-dir, \
         compression, pack-size, limit-upload, limit-download and option.NAME"
    )]
    Key(String),
    /// A value that its key does not take.
    #[error("`{key}={value}` is not usable: {reason}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Why not.
        reason: &'static str,
    },
}

impl Repository {
    /// Reads what follows `restic:`.
    pub fn parse(text: &str) -> Result<Self, InvalidRepository> {
        let none = || InvalidRepository::None(without_credentials(text));
        let Some(pairs) = text.strip_prefix("repo=") else {
            return Self::at(text).ok_or_else(none);
        };
        let mut pairs = split(pairs).into_iter();
        let mut repository = pairs.next().and_then(Self::at).ok_or_else(none)?;
        for pair in pairs {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            repository.set(key, value)?;
        }
        Ok(repository)
    }

    fn at(address: &str) -> Option<Self> {
        let fits = address.starts_with('/')
            || SCHEMES
                .iter()
                .any(|scheme| address.len() > scheme.len() && address.starts_with(scheme));
        (fits && !address.contains(char::is_control)).then(|| Self {
            address: address.to_owned(),
            password_file: None,
            cache_dir: None,
            compression: None,
            flags: Vec::new(),
            options: Vec::new(),
        })
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), InvalidRepository> {
        let unusable = |reason| {
            Err(InvalidRepository::Value {
                key: key.to_owned(),
                value: value.to_owned(),
                reason,
            })
        };
        let number = |value: &str| value.parse::<u32>().is_ok_and(|number| number > 0);
        match key {
            "password-file" | "cache-dir" => {
                if !value.starts_with('/') {
                    return unusable("it must be an absolute path");
                }
                let path = Some(PathBuf::from(value));
                if key == "cache-dir" {
                    self.cache_dir = path;
                } else {
                    self.password_file = path;
                }
            }
            "compression" => {
                if !["auto", "off", "fastest", "better", "max"].contains(&value) {
                    return unusable("use auto, off or max");
                }
                self.compression = Some(value.to_owned());
            }
            "pack-size" | "limit-upload" | "limit-download" => {
                if !number(value) {
                    return unusable("it must be a number above 0");
                }
                self.flags.push((key.to_owned(), value.to_owned()));
            }
            _ => match key.strip_prefix("option.") {
                Some(name) if !name.is_empty() => {
                    self.options.push((name.to_owned(), value.to_owned()));
                }
                _ => return Err(InvalidRepository::Key(key.to_owned())),
            },
        }
        Ok(())
    }

    /// The same repository, reached so that nobody is asked for a password on the way; nothing where that
    /// cannot be had.
    pub(super) fn without_questions(mut self) -> Option<Self> {
        if self.address.starts_with("rclone:") {
            // Its configuration may have a password of its own.
            return None;
        }
        if self.address.starts_with("sftp:") {
            let own = |(name, _): &(String, String)| name.starts_with("sftp.");
            if self.options.iter().any(own) {
                return None;
            }
            let quiet = ("sftp.args".to_owned(), "-oBatchMode=yes".to_owned());
            self.options.push(quiet);
        }
        Some(self)
    }

    /// The repository in restic's words. It can hold credentials: it goes into the environment of
    /// restic and nowhere else.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Where it is on this machine, if it is.
    pub fn path(&self) -> Option<&std::path::Path> {
        let path = self.address.strip_prefix("local:").unwrap_or(&self.address);
        path.starts_with('/').then(|| std::path::Path::new(path))
    }

    /// The repository as it is shown: without user and password.
    pub(super) fn shown(&self) -> String {
        without_credentials(&self.address)
    }

    /// What restic is told on its command line.
    pub(super) fn arguments(&self) -> Vec<String> {
        let compression = self
            .compression
            .iter()
            .map(|it| format!("--compression={it}"));
        let flags = self
            .flags
            .iter()
            .map(|(key, value)| format!("--{key}={value}"));
        let options = self
            .options
            .iter()
            .map(|(key, value)| format!("--option={key}={value}"));
        compression.chain(flags).chain(options).collect()
    }
}

/// Splits at the commas that a key follows, so that a path may have commas in it.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices(',') {
        let rest = &text[at + 1..];
        let key = rest.split('=').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        if key.len() < rest.len() && !key.is_empty() && key.chars().all(plain) {
            parts.push(&text[from..at]);
            from = at + 1;
        }
    }
    parts.push(&text[from..]);
    parts
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({})", self.shown())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/srv/r", "/srv/r", &[])]
    #[case("sftp:me@host:/r", "sftp:me@host:/r", &[])]
    #[case("repo=/a,b", "/a,b", &[])]
    #[case("repo=s3:https://h/b,limit-upload=5,compression=max", "s3:https://h/b", &["--compression=max", "--limit-upload=5"])]
    #[case("repo=/r,option.s3.region=eu,pack-size=64", "/r", &["--pack-size=64", "--option=s3.region=eu"])]
    fn a_repository_is_what_restic_takes(
        #[case] text: &str,
        #[case] address: &str,
        #[case] arguments: &[&str],
    ) {
        let repository = Repository::parse(text).unwrap();
        assert_eq!(repository.address(), address);
        assert_eq!(repository.arguments(), arguments);
    }

    #[rstest]
    #[case("/r", Some(vec![]))]
    #[case("s3:https://h/b", Some(vec![]))]
    #[case("sftp:me@h:/r", Some(vec!["--option=sftp.args=-oBatchMode=yes"]))]
    #[case("repo=sftp:me@h:/r,option.sftp.command=ssh h", None)]
    #[case("rclone:remote:r", None)]
    fn who_is_not_to_be_asked_is_not_asked_by_what_restic_runs(
        #[case] text: &str,
        #[case] arguments: Option<Vec<&str>>,
    ) {
        let quiet = Repository::parse(text).unwrap().without_questions();
        let told = quiet.map(|it| it.arguments());
        assert_eq!(
            told,
            arguments.map(|it| it.into_iter().map(str::to_owned).collect())
        );
    }

    #[test]
    fn files_and_folders_are_keys_of_their_own() {
        let repository = Repository::parse("repo=/r,password-file=/p,cache-dir=/c").unwrap();
        assert_eq!(repository.password_file, Some("/p".into()));
        assert_eq!(repository.cache_dir, Some("/c".into()));
        assert_eq!(repository.arguments(), Vec::<String>::new());
    }

    #[rstest]
    #[case("", "names no repository")]
    #[case("relative/r", "names no repository")]
    #[case("sftp:", "names no repository")]
    #[case("repo=", "names no repository")]
    #[case("repo=/r,colour=red", "`colour` is no key")]
    #[case("repo=/r,password-file=p", "absolute path")]
    #[case("repo=/r,limit-upload=-1", "a number")]
    #[case("repo=/r,compression=zip", "use auto")]
    fn anything_else_is_refused(#[case] text: &str, #[case] why: &str) {
        let error = Repository::parse(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn credentials_are_not_shown() {
        let text = "repo=rest:https://me:s3cret@host:8000/r";
        let repository = Repository::parse(text).unwrap();
        assert_eq!(repository.to_string(), "rest:https://***@host:8000/r");
        assert!(!format!("{repository:?}").contains("s3cret"));
        assert_eq!(repository.address(), "rest:https://me:s3cret@host:8000/r");
    }
}
