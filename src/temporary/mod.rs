//! Objects that exist on a server only while a run works: their names, their marks, their end.
//!
//! A temporary instance says in its configuration who made it, why, and for which instance, so that
//! the next run can tell what a killed one left behind and put it right: a copy is deleted, an
//! instance that was set aside comes back under its name unless its successor is in place.
//! Used by the operations that make such objects, and by nothing else.

mod change;
mod guard;
mod image_sweep;
mod left;
mod mark;
mod pause;
mod permit;
mod project;
mod reattach;
mod remedy;
mod returning;
mod sweep;
mod volume;
mod volume_sweep;

pub use change::{
    ChangeError, Editable, delete, edit_config, edit_instance, mark, pause, rename, resume, start,
    start_in_place, stop, unmark,
};
pub use guard::{GuardError, GuardProgram, guard};
pub use image_sweep::{is_coming, is_unfinished, sweep_images};
pub use left::left_over;
pub use mark::{
    InvalidMark, MARK_KEYS, Mark, Role, instance_name, is_left_over, is_marked, is_of_a_mark,
    is_passing, is_temporary, owned_name, project_name, remember_identity, volume_name,
};
pub use pause::{Pause, PauseError};
pub use permit::{before, close_project, is_of_easing, open_project, takes_volatile_keys, uneased};
pub use project::{create_project, owner_of_drill, remove_project, sweep_projects};
pub use reattach::{InstanceAt, Reattach, VolumeAt, repoint};
pub use remedy::{Found, Remedy, remedies};
pub use returning::{returning_instances, returning_volumes};
pub use sweep::sweep;
pub use volume::{EditableVolume, delete_volume, edit_volume, rename_volume, unmark_volume};
pub use volume_sweep::sweep_volumes;
