//! The client of Incus' REST API: remotes and certificates as `incus` itself resolves them, requests
//! over its UNIX socket or HTTPS, operations awaited to their true end.
//!
//! Knows nothing of archives and targets. Features are told by `api_extensions`, never by version:
//! distributions backport.
//!
//! # What holds
//!
//! - Every request names its project.
//! - A POST is never sent twice, unless the server said that it was not done: its answer may have been
//!   lost after it was. Whoever sent it looks at what should have come of it.
//! - Bodies of backups are streamed, never held.

mod attachment;
mod back_off;
mod bucket;
mod client;
mod config;
mod connect;
mod connect_error;
mod declared;
mod environment;
mod error;
mod event;
mod exec;
mod export;
mod exportable;
mod file;
mod image;
mod instance;
mod instance_keys;
mod keys;
mod login;
mod member;
mod multipart;
mod object;
mod openssh;
mod operation;
mod pem;
mod recent;
mod request;
mod right;
mod server;
mod throttle;
mod tls;
mod volume;
mod websocket;

pub use attachment::{Attachments, Holder, Mount, Mounter, mounted_volume};
pub use back_off::BackOff;
pub use bucket::{Bucket, BucketKey, BucketService};
pub use client::{Client, ServerInfo};
pub use config::{Config, ConfigError, Remote};
pub use connect_error::ConnectError;
pub use declared::{BucketKeyChange, Within};
pub use environment::Environment;
pub use error::Error;
pub use exec::{Command, ExecError, Executed};
pub use export::{
    BackupRequest, ChunkStream, DirectBackup, Download, Import, ImportContent, Outcome,
};
pub use exportable::Exportable;
pub use file::{FileThere, FileType, NewFile};
pub use image::{Image, ImageAlias, ImageDownload, ImageLayout, ImageUpload};
pub use instance::{Device, ETag, Instance, InstanceSnapshot, StateChange};
pub use instance_keys::{InstanceKeys, Taken};
pub use keys::{AskPassword, Keys, PasswordError};
pub use login::{IssuerError, LoginError};
pub use member::Member;
pub use multipart::{Framing, InvalidMultipart, Multipart, Piece, parameter};
pub use object::{Pool, Profile, Project, is_restricted, is_true};
pub use operation::{Operation, OperationError};
pub use server::ServerDocument;
pub use throttle::Throttle;
pub use volume::{Volume, VolumeSnapshot};
