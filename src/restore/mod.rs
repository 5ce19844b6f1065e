//! `restore`.
