//! The process environment: the one place that reads it.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::incus;

/// What the environment says about this program itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    /// What decides where Incus is and how it is reached.
    pub(super) incus: incus::Environment,
    /// `INCUS_BACKUP_TARGET`.
    pub(super) target: Option<String>,
    /// `INCUS_BACKUP_IDENTITY`.
    pub(super) identity: Option<PathBuf>,
    /// `XDG_DATA_HOME`, or where it is by default.
    pub(super) data_home: Option<PathBuf>,
    /// What says the password of restic repositories.
    pub(super) restic_password: Option<ResticPassword>,
    /// Where locks of this machine are, see [`locks`].
    pub(super) state: PathBuf,
    /// `NOTIFY_SOCKET`: where the manager of a unit listens.
    pub(super) notify_socket: Option<OsString>,
    /// `NO_COLOR` is set to anything.
    pub(super) no_color: bool,
    /// The command line, from the program's name on.
    pub(super) arguments: Vec<String>,
    /// Whether the process is root.
    pub(super) root: bool,
}

/// What tells restic the password of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResticPassword {
    /// A variable holds it, or names a file.
    AtHand,
    /// A command tells it, which may ask somebody.
    ByCommand,
}

fn restic_password() -> Option<ResticPassword> {
    if variable("RESTIC_PASSWORD_COMMAND").is_some() {
        return Some(ResticPassword::ByCommand);
    }
    let at_hand = ["RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE"];
    let is_at_hand = at_hand.iter().any(|name| variable(name).is_some());
    is_at_hand.then_some(ResticPassword::AtHand)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads the environment"
)]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &str) -> Option<String> {
    variable(name).map(|value| value.to_string_lossy().into_owned())
}

fn path(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from)
}

/// What tests ask of this process: `INCUS_BACKUP_TEST_CLOCK` is the time that it takes for now, and
/// `INCUS_BACKUP_TEST_DIE_AT` the step of the directory target before which it is killed.
#[cfg(feature = "testing")]
fn obey_tests() {
    if let Some(moment) = text("INCUS_BACKUP_TEST_CLOCK").and_then(|text| text.parse().ok()) {
        crate::model::set_clock(moment);
    }
    if let Some(number) = text("INCUS_BACKUP_TEST_DIE_AT").and_then(|text| text.parse().ok()) {
        crate::target::faults::die_at(number);
    }
}

/// Whether `incus` runs this program for an alias.
pub(super) fn is_alias() -> bool {
    variable("INCUS_ALIASES").is_some()
}

/// A variable that the settings name.
pub(super) fn secret(name: &str) -> Option<String> {
    text(name)
}

/// The command line as far as the cursor, where bash asks for its completion.
pub(super) fn bash_line() -> String {
    text("INCUS_BACKUP_LINE").unwrap_or_default()
}

/// Where locks of this machine are: below `XDG_CACHE_HOME` where that is set; of root in `/run`, because a run
/// of a unit may not write to root's home, and is to meet the locks of one at a terminal; else in the
/// user's own cache.
fn locks(xdg_cache_home: Option<PathBuf>, root: bool, cache_home: Option<PathBuf>) -> PathBuf {
    let folder = match xdg_cache_home {
        None if root => PathBuf::from("/run"),
        None => cache_home.unwrap_or_else(std::env::temp_dir),
        Some(folder) => folder,
    };
    folder.join("incus-backup")
}

impl Environment {
    /// Reads the environment of this process.
    pub(super) fn read() -> Self {
        #[cfg(feature = "testing")]
        obey_tests();
        let home = dirs::home_dir();
        let cache_home = home.as_ref().map(|home| home.join(".cache"));
        let uid = rustix::process::geteuid();
        Self {
            incus: incus::Environment {
                incus_conf: path("INCUS_CONF"),
                incus_global_conf: path("INCUS_GLOBAL_CONF"),
                incus_remote: text("INCUS_REMOTE"),
                incus_project: text("INCUS_PROJECT"),
                incus_socket: path("INCUS_SOCKET"),
                incus_dir: path("INCUS_DIR"),
                insecure_tls: text("INCUS_INSECURE_TLS"),
                https_proxy: text("HTTPS_PROXY").or_else(|| text("https_proxy")),
                no_proxy: text("NO_PROXY").or_else(|| text("no_proxy")),
                home: home.clone(),
                xdg_config_home: path("XDG_CONFIG_HOME"),
                uid: uid.as_raw(),
            },
            target: text("INCUS_BACKUP_TARGET"),
            identity: path("INCUS_BACKUP_IDENTITY"),
            data_home: path("XDG_DATA_HOME").or_else(|| home.map(|home| home.join(".local/share"))),
            restic_password: restic_password(),
            state: locks(path("XDG_CACHE_HOME"), uid.is_root(), cache_home),
            notify_socket: variable("NOTIFY_SOCKET"),
            no_color: variable("NO_COLOR").is_some(),
            arguments: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            root: uid.is_root(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some("/x"), true, "/x/incus-backup")]
    #[case(Some("/x"), false, "/x/incus-backup")]
    #[case(None, true, "/run/incus-backup")]
    #[case(None, false, "/home/u/.cache/incus-backup")]
    fn root_s_locks_are_where_units_may_write(
        #[case] xdg_cache_home: Option<&str>,
        #[case] root: bool,
        #[case] expected: &str,
    ) {
        let home = Some(PathBuf::from("/home/u/.cache"));
        let found = locks(xdg_cache_home.map(PathBuf::from), root, home);
        assert_eq!(found, PathBuf::from(expected));
    }
}
