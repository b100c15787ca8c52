//! A seed as a whole.

use super::calls::Target;
use super::{SeedError, sections, template, yaml};
use crate::world::World;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Applies a seed that came over HTTP; gives what a caller needs to go on: ids, ARNs, PEMs.
///
/// # Errors
/// The first part that is refused; those before it stay.
pub(crate) fn apply(world: &Arc<World>, text: &str) -> Result<Value, SeedError> {
    let target = Target {
        world,
        folder: None,
    };
    apply_to(&target, text)
}

/// Applies a seed from a file; paths in it are relative to the file.
///
/// # Errors
/// The same, and a file that cannot be read.
pub(crate) fn apply_file(world: &Arc<World>, path: &Path) -> Result<Value, SeedError> {
    let shown = path.display().to_string();
    let failed = |why: std::io::Error| SeedError::new(shown.as_str(), why.to_string());
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let folder = std::path::absolute(path).map_err(failed)?;
    let target = Target {
        world,
        folder: folder.parent().map(Path::to_owned),
    };
    apply_to(&target, &text)
}

fn apply_to(target: &Target<'_>, text: &str) -> Result<Value, SeedError> {
    match yaml::read(text)? {
        Value::Object(seed) if seed.contains_key("Resources") => template::apply(target, &seed),
        Value::Object(seed) => sections::apply(target, &seed),
        Value::Null => Ok(Value::Object(serde_json::Map::new())),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(SeedError::new(
                "the seed",
                "it must be a mapping with sections such as `things`",
            ))
        }
    }
}
