//! What is asked for.

use super::super::request::{Options, Scope};
use crate::model::Subject;

/// A request to back custom volumes of one server up.
#[derive(Debug, Clone)]
pub struct VolumeRequest {
    /// Which: of the project that the volumes of a project live in.
    pub scope: Scope<Subject>,
    /// How.
    pub options: Options,
}
