//! The process's own environment and files.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::layer::{ConfigError, Loaded, load};

/// The process's variables.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

/// Reads a secret's file; one that others may read is refused.
pub fn read_secret(path: &str) -> Result<String, String> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| format!("names `{path}`, which cannot be read: {}", error.kind()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(format!("names `{path}`, which others may read; run `chmod 600 {path}`"));
    }
    std::fs::read_to_string(path)
        .map_err(|error| format!("names `{path}`, which cannot be read: {}", error.kind()))
}

/// Loads the configuration of this process.
pub fn from_process(file: Option<&Path>) -> Result<Loaded, Vec<ConfigError>> {
    let text = match file {
        None => None,
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| {
                vec![ConfigError {
                    place: name.clone(),
                    key: String::new(),
                    message: format!("cannot be read: {}", error.kind()),
                }]
            })?;
            Some((name, text))
        }
    };
    let borrowed = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    load(borrowed, &environment(), &|path| read_secret(path))
}
