//! Stored versions as metrics that Prometheus reads (pure).

mod render;

pub use render::render;
