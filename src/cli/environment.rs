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
    /// `XDG_DATA_HOME`, or where it is by default.
    pub(super) data_home: Option<PathBuf>,
    /// `NO_COLOR` is set to anything.
    pub(super) no_color: bool,
    /// The command line, from the program's name on.
    pub(super) arguments: Vec<String>,
    /// Whether the process is root.
    pub(super) root: bool,
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

impl Environment {
    /// Reads the environment of this process.
    pub(super) fn read() -> Self {
        let home = dirs::home_dir();
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
            data_home: path("XDG_DATA_HOME").or_else(|| home.map(|home| home.join(".local/share"))),
            no_color: variable("NO_COLOR").is_some(),
            arguments: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            root: uid.is_root(),
        }
    }
}
