//! The process's own environment and files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::layer::{ConfigError, Loaded, load};

/// The process's variables, and those of leadbroker's that are no UTF-8. What others have set is theirs.
pub fn environment() -> (BTreeMap<String, String>, Vec<ConfigError>) {
    sorted(std::env::vars_os())
}

fn sorted(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> (BTreeMap<String, String>, Vec<ConfigError>) {
    let (mut known, mut errors) = (BTreeMap::new(), Vec::new());
    for (name, value) in variables {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => {
                known.insert(name, value);
            }
            (name, _) => {
                let name = name.unwrap_or_else(|name| name.to_string_lossy().into_owned());
                if name.starts_with("LEADBROKER") {
                    errors.push(ConfigError {
                        place: "environment".to_owned(),
                        key: name,
                        message: "must be UTF-8, its name and its value".to_owned(),
                    });
                }
            }
        }
    }
    (known, errors)
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
    let (variables, mut errors) = environment();
    match load(borrowed, &variables, &|path| read_secret(path)) {
        Ok(loaded) if errors.is_empty() => Ok(loaded),
        Ok(_) => Err(errors),
        Err(more) => {
            errors.extend(more);
            Err(errors)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn variables_that_are_no_text_are_told_if_they_are_ours() {
        let broken = || OsString::from_vec(vec![b'x', 0xff]);
        let variables = [
            (OsString::from("LEADBROKER__LOG__LEVEL"), broken()),
            (OsString::from("LC_OTHER"), broken()),
            (OsString::from("LEADBROKER_SERVER"), OsString::from("http://127.0.0.1")),
        ];
        let (known, errors) = sorted(variables.into_iter());
        assert_eq!(known.len(), 1);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["environment: `LEADBROKER__LOG__LEVEL` must be UTF-8, its name and its value"]
        );
    }
}
