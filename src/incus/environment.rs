//! What of the process environment decides where Incus is. Filled by `cli`, which alone reads it.

use std::path::PathBuf;

/// The variables that `incus` itself obeys.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `INCUS_CONF`: the folder of the client's configuration.
    pub incus_conf: Option<PathBuf>,
    /// `INCUS_GLOBAL_CONF`: the folder of the system's.
    pub incus_global_conf: Option<PathBuf>,
    /// `INCUS_REMOTE`: the default remote.
    pub incus_remote: Option<String>,
    /// `INCUS_PROJECT`: the project.
    pub incus_project: Option<String>,
    /// `INCUS_SOCKET`: the daemon's UNIX socket.
    pub incus_socket: Option<PathBuf>,
    /// `INCUS_DIR`: the daemon's folder.
    pub incus_dir: Option<PathBuf>,
    /// `INCUS_INSECURE_TLS`: allows TLS 1.2.
    pub insecure_tls: Option<String>,
    /// `HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<PathBuf>,
    /// The effective user id.
    pub uid: u32,
}

impl Environment {
    /// The folder of the client's configuration: `INCUS_CONF`, then `$XDG_CONFIG_HOME/incus` where
    /// it exists (clients from 7.0.1 on), then `~/.config/incus`.
    pub fn config_folder(&self) -> Option<PathBuf> {
        if let Some(folder) = &self.incus_conf {
            return Some(folder.clone());
        }
        let xdg = self
            .xdg_config_home
            .as_ref()
            .map(|folder| folder.join("incus"));
        match xdg.filter(|folder| folder.is_dir()) {
            Some(folder) => Some(folder),
            None => self.home.as_ref().map(|home| home.join(".config/incus")),
        }
    }

    /// The folder of the system-wide configuration.
    pub fn global_folder(&self) -> PathBuf {
        self.incus_global_conf
            .clone()
            .unwrap_or_else(|| PathBuf::from("/etc/incus"))
    }
}
