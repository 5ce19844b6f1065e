//! What the server said of an image when it was stored.

use crate::incus::Image;
use crate::retrieve::{self, Damage};
use crate::target::Opened;

/// Reads the record, which must be what was written. Blocks.
pub(super) fn read(opened: &dyn Opened) -> Result<Image, Damage> {
    let bytes = retrieve::small(opened, "image.json")?;
    let mut record: serde_json::Value = serde_json::from_slice(&bytes).map_err(Damage::Record)?;
    Image::parse(record["image"].take()).map_err(Damage::Record)
}
