//! What becomes of what is there already.

/// What becomes of something that has the name already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Existing {
    /// The step is refused.
    Refuse,
    /// It stays, and the step is skipped.
    Skip,
    /// What was stored takes its place.
    #[default]
    Replace,
}
