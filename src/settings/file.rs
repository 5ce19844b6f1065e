//! The file and its keys.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::notification::{self, InvalidNotification, Notification};
use crate::model::{CompressionChoice, InvalidCompression};
use crate::yaml::{self, Aliases};

/// The name of the file, in the folder of the client's configuration.
const NAME: &str = "backup.yml";
/// The system's file.
const SYSTEM: &str = "/etc/incus/backup.yml";

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there and cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file is not what it should be; the cause names the line.
    #[error("cannot understand `{}`", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: serde_yaml::Error,
    },
    /// A compression is none.
    #[error("target `{target}` has no usable compression")]
    Compression {
        /// The target.
        target: String,
        /// Why.
        #[source]
        cause: InvalidCompression,
    },
    /// Nobody could be told so.
    #[error("notification `{notification}` cannot be used")]
    Notification {
        /// Which.
        notification: String,
        /// Why.
        #[source]
        cause: InvalidNotification,
    },
}

/// What the files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The name of the target that is used where none is named.
    pub default_target: Option<String>,
    /// The targets by their names.
    pub targets: BTreeMap<String, TargetSettings>,
    /// The retention rules, as they are written: `keep-daily: 7`.
    pub retention: BTreeMap<String, String>,
    /// The restic to use.
    pub restic_binary: Option<PathBuf>,
    /// The servers that are backed up whole where none is named, as remotes of the client.
    pub servers: Vec<String>,
    /// Who is told how a run ended, by names.
    pub notifications: BTreeMap<String, Notification>,
}

/// One named target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSettings {
    /// Where it is.
    pub uri: String,
    /// How archives that are stored there are compressed.
    pub compression: Option<CompressionChoice>,
    /// The file that holds the password of a restic repository.
    pub password_file: Option<PathBuf>,
    /// Whom what is stored there is encrypted to, as written.
    pub recipients: Vec<String>,
    /// The files of the keys that it is decrypted with.
    pub identities: Vec<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    default_target: Option<String>,
    targets: BTreeMap<String, Entry>,
    retention: BTreeMap<String, Word>,
    restic_binary: Option<PathBuf>,
    servers: Vec<String>,
    notifications: BTreeMap<String, notification::Entry>,
}

/// A number or a word: `7`, `30d`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Word {
    Number(i64),
    Text(String),
}

/// A word or a list of words. Of what is neither no error repeats anything: it may be a secret key.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Words {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Words {
    fn list(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(word) => vec![word],
            Self::Many(words) => words,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    uri: String,
    #[serde(default)]
    compression: Option<String>,
    #[serde(default)]
    recipients: Words,
    #[serde(default)]
    identities: Words,
    #[serde(default)]
    password_file: Option<PathBuf>,
}

impl Settings {
    /// Reads the user's file in the folder of the client's configuration, and the system's.
    pub fn load(folder: Option<&Path>) -> Result<Self, SettingsError> {
        let user = folder
            .map(|folder| read(&folder.join(NAME)))
            .transpose()?
            .unwrap_or_default();
        Ok(user.over(read(Path::new(SYSTEM))?))
    }

    /// These, and what only the others say.
    fn over(mut self, below: Self) -> Self {
        self.default_target = self.default_target.or(below.default_target);
        for (name, target) in below.targets {
            self.targets.entry(name).or_insert(target);
        }
        self.restic_binary = self.restic_binary.or(below.restic_binary);
        if self.servers.is_empty() {
            self.servers = below.servers;
        }
        // Rules belong together, and so do those who are told: one file's are not mixed with the other's.
        if self.retention.is_empty() {
            self.retention = below.retention;
        }
        if self.notifications.is_empty() {
            self.notifications = below.notifications;
        }
        self
    }
}

fn read(path: &Path) -> Result<Settings, SettingsError> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
        Err(cause) => Err(SettingsError::Read {
            path: path.to_owned(),
            cause,
        }),
    }
}

fn parse(text: &str, path: &Path) -> Result<Settings, SettingsError> {
    // A file of comments is a file that says nothing.
    let file: Option<File> =
        yaml::parse(text.as_bytes(), Aliases::Few).map_err(|cause| SettingsError::Parse {
            path: path.to_owned(),
            cause,
        })?;
    let File {
        default_target,
        targets,
        retention,
        restic_binary,
        servers,
        notifications,
    } = file.unwrap_or_default();
    let targets: Result<BTreeMap<String, TargetSettings>, SettingsError> = targets
        .into_iter()
        .map(|(name, entry)| Ok((name.clone(), target(name, entry)?)))
        .collect();
    let notifications: Result<BTreeMap<String, Notification>, SettingsError> = notifications
        .into_iter()
        .map(|(name, entry)| match entry.notification() {
            Ok(notification) => Ok((name, notification)),
            Err(cause) => Err(SettingsError::Notification {
                notification: name,
                cause,
            }),
        })
        .collect();
    Ok(Settings {
        default_target,
        targets: targets?,
        restic_binary,
        servers,
        notifications: notifications?,
        retention: retention
            .into_iter()
            .map(|(name, word)| match word {
                Word::Number(number) => (name, number.to_string()),
                Word::Text(text) => (name, text),
            })
            .collect(),
    })
}

fn target(name: String, entry: Entry) -> Result<TargetSettings, SettingsError> {
    let compression = entry.compression.map(|text| text.parse()).transpose();
    let compression = compression.map_err(|cause| SettingsError::Compression {
        target: name,
        cause,
    })?;
    Ok(TargetSettings {
        uri: entry.uri,
        compression,
        password_file: entry.password_file,
        recipients: entry.recipients.list(),
        identities: entry
            .identities
            .list()
            .into_iter()
            .map(PathBuf::from)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::mutation::{Change, mutated_text};

    fn settings(text: &str) -> Result<Settings, SettingsError> {
        parse(text, Path::new("/x/backup.yml"))
    }

    #[test]
    fn the_user_s_file_wins_key_by_key() {
        let user = settings("targets:\n  nas: { uri: 'dir:/u', compression: 'zstd:9' }\n").unwrap();
        let system = "default-target: nas\ntargets:\n  nas: { uri: 'dir:/s' }\n  b: { uri: 'dir:/b' }\n\
                      retention: { keep-last: 3 }\n";
        let both = user.over(settings(system).unwrap());
        assert_eq!(both.default_target.as_deref(), Some("nas"));
        assert_eq!(both.targets["nas"].uri, "dir:/u");
        assert_eq!(
            both.targets["nas"].compression,
            Some(CompressionChoice::Zstd(9))
        );
        assert_eq!(both.targets["b"].uri, "dir:/b");
    }

    #[test]
    fn a_key_that_is_not_known_is_named_with_its_line() {
        let error = settings("default-target: x\ndefault-tarjet: y\n").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            cause.contains("default-tarjet") && cause.contains("line 2"),
            "{cause}"
        );
        let error =
            settings("targets:\n  a:\n    uri: dir:/x\n    compresion: none\n").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("compresion"), "{cause}");
    }

    #[test]
    fn a_target_has_recipients_and_files_of_keys() {
        let text = "targets:\n  a: { uri: 'dir:/x', recipients: [age1x, age1y], identities: [/k] }\n  \
                    b: { uri: 'dir:/y', recipients: age1x }\n  c: { uri: 'dir:/z' }\n";
        let targets = settings(text).unwrap().targets;
        assert_eq!(targets["a"].recipients, ["age1x", "age1y"]);
        assert_eq!(targets["a"].identities, [Path::new("/k")]);
        assert_eq!(targets["b"].recipients, ["age1x"]);
        assert!(targets["c"].recipients.is_empty() && targets["c"].identities.is_empty());
    }

    #[test]
    fn a_secret_that_stands_in_the_wrong_place_is_not_repeated() {
        for wrong in ["{ AGE-SECRET-KEY-1ABC: x }", "[[AGE-SECRET-KEY-1ABC]]"] {
            let text = format!("targets: {{ a: {{ uri: 'dir:/x', recipients: {wrong} }} }}");
            let error = settings(&text).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(
                !cause.contains("1ABC") && !format!("{error:?}").contains("1ABC"),
                "{cause}"
            );
        }
    }

    #[test]
    fn a_restic_target_has_its_password_in_a_file() {
        let text = "restic-binary: /opt/restic\n\
                    targets: { a: { uri: 'restic:/r', password-file: /etc/r.pass } }";
        let settings = settings(text).unwrap();
        assert_eq!(settings.restic_binary, Some("/opt/restic".into()));
        assert_eq!(
            settings.targets["a"].password_file,
            Some("/etc/r.pass".into())
        );
    }

    #[test]
    fn a_user_s_servers_are_not_mixed_with_the_system_s() {
        let system = settings("servers: [edge]").unwrap();
        let user = settings("servers: ['prod:', lab]").unwrap();
        assert_eq!(user.over(system.clone()).servers, ["prod:", "lab"]);
        assert_eq!(settings("").unwrap().over(system).servers, ["edge"]);
    }

    #[test]
    fn who_is_told_is_one_file_s_answer() {
        let system = settings("notifications: { a: { command: [mail, root] } }").unwrap();
        let user = settings("notifications: { b: { ping: 'https://h.example/x' } }").unwrap();
        let names = |settings: &Settings| -> Vec<String> {
            settings.notifications.keys().cloned().collect()
        };
        assert_eq!(names(&user.over(system.clone())), ["b"]);
        assert_eq!(names(&settings("").unwrap().over(system)), ["a"]);
        let error = settings("notifications: { a: { command: [] } }").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(
            (error.to_string().as_str(), cause.as_str()),
            (
                "notification `a` cannot be used",
                "its command names no program"
            )
        );
    }

    #[test]
    fn a_file_of_comments_says_nothing() {
        assert_eq!(settings("# nothing\n").unwrap(), Settings::default());
        assert_eq!(settings("").unwrap(), Settings::default());
    }

    /// Prose begins with `# `, an example with `#` alone.
    #[test]
    fn what_packages_install_says_nothing_and_its_examples_are_right() {
        let text = include_str!("../../packaging/backup.yml");
        assert_eq!(settings(text).unwrap(), Settings::default());
        let prose = |line: &&str| line.starts_with("# ") && !line.starts_with("#  ");
        let examples: Vec<&str> = text
            .lines()
            .filter(|line| !prose(line))
            .map(|line| line.trim_start_matches('#'))
            .collect();
        let settings = settings(&examples.join("\n")).unwrap();
        assert_eq!(settings.default_target.as_deref(), Some("nas"));
        assert_eq!(settings.targets["nas"].uri, "dir:/mnt/nas/incus");
        assert_eq!(settings.targets["vault"].recipients.len(), 1);
        assert_eq!(settings.targets["vault"].identities.len(), 1);
        assert!(settings.targets["offsite"].password_file.is_some());
        assert_eq!(settings.retention.len(), 4);
        assert!(settings.restic_binary.is_some());
        assert_eq!(settings.notifications.len(), 3);
    }

    const EXAMPLE: &str = "default-target: nas
targets:
  nas: { uri: 'dir:/mnt/nas/incus', compression: 'zstd:3' }
  offsite: { uri: 'restic:repo=s3:https://s3.example/b', password-file: /etc/p }
retention: { keep-last: 3, keep-within: 30d }
restic-binary: /opt/restic
notifications:
  ops: { webhook: 'https://h.example/x', headers: { Authorization: { file: /etc/t } } }
  mail: { command: [mail, root], on: always }
";

    proptest! {
        /// What is refused is refused in one short paragraph, and nothing of it is taken.
        #[test]
        fn settings_that_are_nearly_right_are_read_or_refused(
            changes in vec(any::<Change>(), 0..5),
        ) {
            let text = mutated_text(EXAMPLE, &changes);
            match settings(&text) {
                Ok(settings) => {
                    let known = |(name, target): (&String, &TargetSettings)| {
                        text.contains(name.as_str()) || text.contains(target.uri.as_str())
                    };
                    // Escapes apart, nothing is there that was not written.
                    prop_assert!(text.contains('\\') || settings.targets.iter().all(known));
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).unwrap().to_string();
                    prop_assert!(!cause.is_empty());
                }
            }
        }
    }
}
