//! `backup.yml`: what a user does not want to say each time.
//!
//! Read beside the client's `config.yml`, then from `/etc/incus/backup.yml`; each value of the first
//! wins. Flags beat the environment, which beats both. A key that is not known is an error that
//! names its line: a misspelt setting must not look as if it held.

mod file;
mod notification;

pub use file::{Settings, SettingsError, TargetSettings};
pub use notification::{Channel, Hidden, InvalidNotification, Notification, Occasion};
