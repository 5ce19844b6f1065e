//! What can be said on the command line, one file per verb; flags that verbs share are in `common`.

mod aliases;
mod all;
mod bucket;
mod common;
mod config;
mod create;
mod delete;
mod doctor;
mod files;
mod image;
mod instance;
mod keyed;
mod list;
mod metrics;
mod notify;
mod protect;
mod prune;
mod renamings;
mod report;
mod restore;
mod setup;
mod show;
mod target;
mod verify;
mod volume;

pub use aliases::{AliasVerb, InstallAliases, PrintAliases, RemoveAliases};
pub use all::{All, AllVerb, CreateAll, ListAll, RestoreAll};
pub use bucket::{Bucket, BucketVerb, CreateBuckets, RestoreBuckets};
pub use common::{
    Answers, Chosen, Link, LockWait, Output, ProjectScope, ReadAnswers, Rows, SourceChoice,
    TargetChoice, Verbosity,
};
pub use config::{
    Config, ConfigCreate, ConfigDelete, ConfigDiff, ConfigList, ConfigProtect, ConfigRestore,
    ConfigShow, ConfigVerb, ObjectScope,
};
pub use create::Create;
pub use delete::Delete;
pub use doctor::Doctor;
pub use files::{DiffFiles, FileChoice, GetFiles, InstanceFiles, ListFiles, PutFiles, VolumeFiles};
pub use image::{CreateImage, Image, ImageVerb, RestoreImage};
pub use instance::{Instance, Verb};
pub use keyed::{Identities, ReadTarget, Recipients, WrittenTarget};
pub use list::List;
pub use metrics::Metrics;
pub use notify::Notify;
pub use protect::Protect;
pub use prune::Prune;
pub use renamings::Renamings;
pub use report::ReportAll;
pub use restore::{Renaming, Restore};
pub use setup::{Copy, Setup, SetupVerb};
pub use show::Show;
pub use target::{InitTarget, TargetVerb};
pub use verify::Verify;
pub use volume::{CreateVolumes, RestoreVolumes, Volume, VolumeVerb};
