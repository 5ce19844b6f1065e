//! What the server said of an image when it was stored.

use std::io::Read as _;

use crate::incus::Image;
use crate::model::Sha256;
use crate::retrieve::Damage;
use crate::target::{Checksums, Opened};

/// The file of a version that holds it.
const RECORD: &str = "image.json";
/// How large it may be.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Reads the record, which must be what was written. Blocks.
pub(super) fn read(opened: &dyn Opened) -> Result<Image, Damage> {
    let checksums = String::from_utf8(small(opened, "checksums.txt")?).ok();
    let checksums = checksums.and_then(|text| Checksums::parse(&text).ok());
    let bytes = small(opened, RECORD)?;
    let expected = checksums.and_then(|checksums| checksums.0.get(RECORD).copied());
    if expected != Some(Sha256::of(&bytes)) {
        return Err(Damage::Digest);
    }
    let mut record: serde_json::Value = serde_json::from_slice(&bytes).map_err(Damage::Record)?;
    Image::parse(record["image"].take()).map_err(Damage::Record)
}

fn small(opened: &dyn Opened, name: &str) -> Result<Vec<u8>, Damage> {
    let file = opened
        .file(name)
        .map_err(|error| Damage::Read(std::io::Error::other(error)))?;
    let mut bytes = Vec::new();
    file.take(LIMIT)
        .read_to_end(&mut bytes)
        .map_err(Damage::Read)?;
    Ok(bytes)
}
