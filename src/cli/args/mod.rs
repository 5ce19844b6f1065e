//! What can be said on the command line, one file per verb; flags that verbs share are in `common`.

mod common;
mod config;
mod create;
mod delete;
mod instance;
mod list;
mod restore;
mod show;
mod volume;

pub use common::{Answers, Output, ProjectScope, Rows, SourceChoice, TargetChoice, Verbosity};
pub use config::{
    Config, ConfigCreate, ConfigDelete, ConfigDiff, ConfigList, ConfigShow, ConfigVerb, ObjectScope,
};
pub use create::Create;
pub use delete::Delete;
pub use instance::{Instance, Verb};
pub use list::List;
pub use restore::{Renaming, Restore};
pub use show::Show;
pub use volume::{CreateVolumes, Volume, VolumeVerb};
