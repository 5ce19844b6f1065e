//! The client's `config.yml`, as `incus` reads it (`shared/cliconfig`).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::keys::Keys;
use super::{ConnectError, Environment, tls};
use crate::model::{InvalidName, ProjectName, RemoteName, Secret};
use crate::yaml::{self, Aliases};

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file is not what it should be.
    #[error("cannot understand `{}`", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: serde_yaml::Error,
    },
    /// No remote has that name.
    #[error("the remote `{0}` does not exist")]
    NoRemote(String),
    /// A name is none.
    #[error("{0}")]
    Name(#[from] InvalidName),
}

/// One remote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Remote {
    /// `unix://…` or `https://…`; several are separated by commas.
    pub addr: String,
    /// The address of several that answered last.
    pub last_working_address: String,
    /// `tls` or `oidc`; nothing means `tls`.
    pub auth_type: String,
    /// The project that is meant where none is named.
    pub project: String,
    /// `incus`, `simplestreams` or `oci`; nothing means `incus`.
    pub protocol: String,
    /// It serves images to everybody, and nothing else.
    pub public: bool,
    /// It is a remote of the system's configuration.
    #[serde(skip)]
    pub global: bool,
}

impl Remote {
    /// The addresses in the order in which they are tried.
    pub fn addresses(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self
            .addr
            .split(',')
            .map(str::trim)
            .filter(|addr| !addr.is_empty())
            .collect();
        if let Some(at) = all
            .iter()
            .position(|addr| *addr == self.last_working_address)
        {
            all.rotate_left(at);
        }
        all
    }

    /// Whether this client is known to it by a certificate.
    fn has_client_key(&self) -> bool {
        let by_tls = self.auth_type.is_empty() || self.auth_type == "tls";
        by_tls && self.addresses().iter().any(|it| it.starts_with("https:"))
    }

    /// Whether it is a server whose instances can be reached.
    pub fn is_private(&self) -> bool {
        !self.public && (self.protocol.is_empty() || self.protocol == "incus")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct File {
    default_remote: String,
    remotes: BTreeMap<String, Remote>,
}

/// The remotes that a user has.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) folder: Option<PathBuf>,
    pub(super) global_folder: PathBuf,
    default_remote: RemoteName,
    remotes: BTreeMap<String, Remote>,
    project: Option<String>,
    pub(super) keys: Keys,
}

impl Config {
    /// Reads the user's configuration, and the system's for remotes that the user's lacks.
    ///
    /// Without a user's file the built-in defaults hold, and the system's is not read, as in `incus`.
    pub fn load(environment: &Environment) -> Result<Self, ConfigError> {
        let folder = environment.config_folder();
        let user = match &folder {
            Some(folder) => read(&folder.join("config.yml"))?,
            None => None,
        };
        let system = match &user {
            Some(_) => read(&environment.global_folder().join("config.yml"))?,
            None => None,
        };
        Self::assemble(environment, user, system)
    }

    fn assemble(
        environment: &Environment,
        user: Option<File>,
        system: Option<File>,
    ) -> Result<Self, ConfigError> {
        let user = user.unwrap_or_default();
        let mut remotes = user.remotes;
        for (name, remote) in system.unwrap_or_default().remotes {
            remotes.entry(name).or_insert(Remote {
                global: true,
                ..remote
            });
        }
        // `local` is built in: of what a file says about it only the project counts.
        let project = remotes
            .remove("local")
            .map(|remote| remote.project)
            .unwrap_or_default();
        let local = Remote {
            addr: "unix://".to_owned(),
            project,
            ..Remote::default()
        };
        remotes.insert("local".to_owned(), local);
        let default = [
            environment.incus_remote.as_deref(),
            Some(user.default_remote.as_str()),
        ]
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty())
        .unwrap_or("local");
        Ok(Self {
            folder: environment.config_folder(),
            global_folder: environment.global_folder(),
            default_remote: default.parse()?,
            remotes,
            project: environment.incus_project.clone(),
            keys: Keys::default(),
        })
    }

    /// Uses keys that are opened already, or can be.
    #[must_use]
    pub fn with_keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// Opens the key that this client is known to a remote by, where it is protected by a password.
    /// Nothing else asks for one. It does not return before it is answered.
    pub fn unlock(&self, name: &RemoteName) -> Result<(), ConnectError> {
        if !self.remote(name)?.has_client_key() {
            return Ok(());
        }
        let opened = tls::unlock(&tls::key_of(self, name), &self.keys);
        opened.map_err(|cause| ConnectError::Tls {
            remote: name.clone(),
            cause,
        })
    }

    /// What another process needs to connect to a remote without asking, on one line:
    /// [`Keys::taken_over`] understands it.
    pub fn hand_over(&self, name: &RemoteName) -> Secret {
        match self.remote(name) {
            Ok(remote) if remote.has_client_key() => self.keys.hand_over(&tls::key_of(self, name)),
            _ => Secret::default(),
        }
    }

    /// The remote that is meant where none is named.
    pub fn default_remote(&self) -> RemoteName {
        self.default_remote.clone()
    }

    /// The remotes whose instances can be reached.
    pub fn private_remotes(&self) -> Vec<RemoteName> {
        let private = self
            .remotes
            .iter()
            .filter(|(_, remote)| remote.is_private());
        private.filter_map(|(name, _)| name.parse().ok()).collect()
    }

    /// The remote of a name.
    pub fn remote(&self, name: &RemoteName) -> Result<&Remote, ConfigError> {
        self.remotes
            .get(name.as_str())
            .ok_or_else(|| ConfigError::NoRemote(name.as_str().to_owned()))
    }

    /// Takes `[REMOTE:]NAME` apart at the first colon.
    pub fn split<'a>(&self, text: &'a str) -> Result<(RemoteName, &'a str), ConfigError> {
        let Some((prefix, name)) = text.split_once(':') else {
            return Ok((self.default_remote(), text));
        };
        if prefix.is_empty() {
            return Ok((self.default_remote(), name));
        }
        if !self.remotes.contains_key(prefix) {
            // A snapshot's name may have a colon behind the slash.
            if prefix.contains('/') {
                return Ok((self.default_remote(), text));
            }
            return Err(ConfigError::NoRemote(prefix.to_owned()));
        }
        Ok((prefix.parse()?, name))
    }

    /// The project that is meant: the flag's, `INCUS_PROJECT`, the remote's; none means the server's
    /// own choice.
    pub fn project(
        &self,
        remote: &RemoteName,
        flag: Option<&ProjectName>,
    ) -> Result<Option<ProjectName>, ConfigError> {
        if let Some(project) = flag {
            return Ok(Some(project.clone()));
        }
        let own = self.remote(remote)?.project.as_str();
        let own = Some(own).filter(|own| *own != "default");
        let named = [self.project.as_deref(), own].into_iter().flatten();
        match named.into_iter().find(|name| !name.is_empty()) {
            Some(name) => Ok(Some(name.parse()?)),
            None => Ok(None),
        }
    }
}

fn read(path: &Path) -> Result<Option<File>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Some).map_err(|cause| ConfigError::Parse {
            path: path.to_owned(),
            cause,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(ConfigError::Read {
            path: path.to_owned(),
            cause,
        }),
    }
}

fn parse(text: &str) -> Result<File, serde_yaml::Error> {
    if text.trim().is_empty() {
        return Ok(File::default());
    }
    yaml::parse(text.as_bytes(), Aliases::Few)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::testing::mutation::{Change, mutated_text};

    const FILE: &str = "
default-remote: prod
remotes:
  prod: { addr: 'https://a:8443,https://b:8443', last_working_address: 'https://b:8443', project: shop, unknown: 1 }
  images: { addr: https://images, protocol: simplestreams, public: true }
  local: { addr: 'unix:///elsewhere', project: mine }
aliases: { x: y }
";

    fn config(environment: &Environment) -> Config {
        let system = parse("remotes: { prod: { addr: x }, other: { addr: 'https://o' } }").unwrap();
        Config::assemble(environment, Some(parse(FILE).unwrap()), Some(system)).unwrap()
    }

    fn name(text: &str) -> RemoteName {
        text.parse().unwrap()
    }

    #[test]
    fn without_a_file_the_built_in_defaults_hold() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment {
            incus_conf: Some(folder.path().join("none")),
            ..Environment::default()
        };
        let config = Config::load(&environment).unwrap();
        assert_eq!(config.default_remote(), name("local"));
        assert_eq!(config.remote(&name("local")).unwrap().addr, "unix://");
        assert!(config.remote(&name("prod")).is_err());
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.yml"), "remotes: [").unwrap();
        let incus_conf = Some(folder.path().to_owned());
        let error = Config::load(&Environment {
            incus_conf,
            ..Environment::default()
        });
        let text = error.unwrap_err().to_string();
        assert!(
            text.starts_with("cannot understand `") && text.ends_with("config.yml`"),
            "{text}"
        );
    }

    #[test]
    fn the_user_s_remotes_win_and_local_is_built_in() {
        let config = config(&Environment::default());
        assert!(!config.remote(&name("prod")).unwrap().global);
        assert!(config.remote(&name("other")).unwrap().global);
        let prod = config.remote(&name("prod")).unwrap();
        assert_eq!(prod.addresses(), ["https://b:8443", "https://a:8443"]);
        assert_eq!(config.remote(&name("local")).unwrap().addr, "unix://");
        assert!(!config.remote(&name("images")).unwrap().is_private());
    }

    #[rstest]
    #[case(None, "prod")]
    #[case(Some("other"), "other")]
    #[case(Some(""), "prod")]
    fn the_environment_s_remote_wins(#[case] variable: Option<&str>, #[case] expected: &str) {
        let incus_remote = variable.map(str::to_owned);
        let config = config(&Environment {
            incus_remote,
            ..Environment::default()
        });
        assert_eq!(config.default_remote(), name(expected));
    }

    #[rstest]
    #[case("web", Some(("prod", "web")))]
    #[case("local:web", Some(("local", "web")))]
    #[case("local:", Some(("local", "")))]
    #[case(":web", Some(("prod", "web")))]
    #[case("nowhere:web", None)]
    #[case("a/b:c", Some(("prod", "a/b:c")))]
    fn a_name_is_taken_apart_at_its_colon(
        #[case] text: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let config = config(&Environment::default());
        let split = config.split(text).ok();
        assert_eq!(split, expected.map(|(remote, rest)| (name(remote), rest)));
    }

    #[rstest]
    #[case("prod", None, None, Some("shop"))]
    #[case("prod", Some("env"), None, Some("env"))]
    #[case("prod", Some("env"), Some("flag"), Some("flag"))]
    #[case("local", None, None, Some("mine"))]
    #[case("other", None, None, None)]
    fn a_project_is_the_flag_s_then_the_environment_s_then_the_remote_s(
        #[case] remote: &str,
        #[case] variable: Option<&str>,
        #[case] flag: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let incus_project = variable.map(str::to_owned);
        let config = config(&Environment {
            incus_project,
            ..Environment::default()
        });
        let flag: Option<ProjectName> = flag.map(|flag| flag.parse().unwrap());
        let project = config.project(&name(remote), flag.as_ref()).unwrap();
        assert_eq!(project.as_ref().map(ProjectName::as_str), expected);
    }

    proptest! {
        /// A remote that is found has a name, and is one that the file names.
        #[test]
        fn a_configuration_that_is_nearly_right_is_read_or_refused(
            changes in vec(any::<Change>(), 0..5),
            asked in "[a-z:/.]{0,12}",
        ) {
            let text = mutated_text(FILE, &changes);
            let Ok(file) = parse(&text) else { return Ok(()) };
            let Ok(config) = Config::assemble(&Environment::default(), Some(file), None) else {
                return Ok(());
            };
            let local = config.remote(&name("local")).unwrap();
            prop_assert_eq!(local.addr.as_str(), "unix://");
            if let Ok((remote, rest)) = config.split(&asked) {
                prop_assert!(asked.ends_with(rest));
                if let Ok(remote) = config.remote(&remote) {
                    prop_assert!(remote.addresses().iter().all(|it| remote.addr.contains(it)));
                }
                let _ = config.project(&remote, None);
            }
        }
    }
}
