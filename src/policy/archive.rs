//! A whole set of packs as one document: what two people agree on, what is stored, and what a digest names.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use openssl::sha::sha256;
use serde::{Deserialize, Serialize};

use super::load::SCHEMA;
use super::{PackError, PolicySet, SetInForce, SetOrigin, builtin};

/// The name of the form, so that a later one can be told from it.
const FORMAT: &str = "leadbroker-policy-set.v1";
/// Most bytes of a set.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Most files of a set.
const MOST_FILES: usize = 2_000;

/// Files by their path, in one order: the same files give the same bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    files: Vec<ArchivedFile>,
}

/// One file of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedFile {
    /// Its path below the folder of packs, with `/`.
    pub path: String,
    /// Its text.
    pub content: String,
}

/// A set of packs as one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    files: BTreeMap<String, Vec<u8>>,
    bytes: Vec<u8>,
}

/// Why files make no set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ArchiveError {
    /// A path that could leave the folder of packs, or that a file system would read as another.
    #[error(
        "the path `{0}` is none of a set: expected `FILE`, `PACK/FILE` or `PACK/statements/FILE` in letters, digits and `._-`"
    )]
    Path(String),
    /// A path that stands there twice.
    #[error("the path `{0}` stands in the set twice; leave one")]
    Twice(String),
    /// A file that is no UTF-8.
    #[error("the file `{0}` is not UTF-8 text; packs are text")]
    NotText(String),
    /// Too much.
    #[error(
        "the set has more than {MOST_FILES} files or {MOST_BYTES} bytes; leave out what is no pack"
    )]
    TooLarge,
    /// Bytes that no version of leadbroker wrote.
    #[error("the stored set is no `{FORMAT}`")]
    Unreadable,
}

impl Archive {
    /// Of files by their path.
    pub fn new(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ArchiveError> {
        let written = files.iter().map(|(path, bytes)| {
            let content = String::from_utf8(bytes.clone())
                .map_err(|_| ArchiveError::NotText(path.clone()))?;
            Ok(ArchivedFile { path: path.clone(), content })
        });
        Self::of(written.collect::<Result<_, _>>()?)
    }

    /// Of files in any order.
    pub fn of(mut files: Vec<ArchivedFile>) -> Result<Self, ArchiveError> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(file) = files.iter().find(|file| !is_plain(&file.path)) {
            // The path may hold anything; only its letters are shown.
            let shown: String =
                file.path.chars().filter(char::is_ascii_graphic).take(100).collect();
            return Err(ArchiveError::Path(shown));
        }
        let mut by_path = BTreeMap::new();
        for file in &files {
            if by_path.insert(file.path.clone(), file.content.clone().into_bytes()).is_some() {
                return Err(ArchiveError::Twice(file.path.clone()));
            }
        }
        let many = files.len() > MOST_FILES;
        let written = Written { format: FORMAT.to_owned(), files };
        let bytes = serde_json::to_vec(&written).map_err(|_| ArchiveError::Unreadable)?;
        if many || bytes.len() > MOST_BYTES {
            return Err(ArchiveError::TooLarge);
        }
        Ok(Self { files: by_path, bytes })
    }

    /// Reads what was stored; what is not the one way to write its files is refused.
    pub fn read(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let written: Written =
            serde_json::from_slice(bytes).map_err(|_| ArchiveError::Unreadable)?;
        if written.format != FORMAT {
            return Err(ArchiveError::Unreadable);
        }
        let archive = Self::of(written.files)?;
        if archive.bytes == bytes { Ok(archive) } else { Err(ArchiveError::Unreadable) }
    }

    /// The files by their path.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The files as a document lists them.
    pub fn listed(&self) -> Vec<ArchivedFile> {
        let file = |(path, bytes): (&String, &Vec<u8>)| ArchivedFile {
            path: path.clone(),
            content: String::from_utf8_lossy(bytes).into_owned(),
        };
        self.files.iter().map(file).collect()
    }

    /// What is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The set, ready to decide. The schema says which facts this program gives, so its own one counts: rules that look
    /// at what it does not give are refused, also where an older program stored them.
    pub fn load(&self, origin: SetOrigin, now: DateTime<Utc>) -> Result<PolicySet, Vec<PackError>> {
        let mut files = self.files.clone();
        files.extend(builtin::files().remove_entry(SCHEMA));
        let set = SetInForce { origin, sha256: hex::encode(self.digest()) };
        Ok(PolicySet::load(&files, now)?.named(set))
    }

    /// SHA-256 of what is stored.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.bytes)
    }
}

/// Whether a path names a file of a set on every file system, and none outside of it.
fn is_plain(path: &str) -> bool {
    let part = |part: &str| {
        (1..=64).contains(&part.len())
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    path.split('/').count() <= 3 && path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> ArchivedFile {
        ArchivedFile { path: path.to_owned(), content: "x".to_owned() }
    }

    #[test]
    fn the_order_of_the_files_does_not_change_the_digest_and_every_byte_does() {
        let (a, b) = (file("a/pack.toml"), file("b/pack.toml"));
        let one = Archive::of(vec![a.clone(), b.clone()]).unwrap();
        assert_eq!(one, Archive::of(vec![b, a.clone()]).unwrap());
        assert_ne!(one.digest(), Archive::of(vec![a]).unwrap().digest());
        assert_eq!(one, Archive::new(one.files()).unwrap());
        assert_eq!(one, Archive::read(one.bytes()).unwrap());
        assert_eq!(one.listed().len(), 2);
    }

    #[test]
    fn a_path_cannot_leave_the_folder() {
        for path in ["../x", "/etc/x", "a//b", "a/../b", ".x", "a/b/c/d", "", "a\\b", "a/\u{430}"] {
            let refused = Archive::of(vec![file(path)]).unwrap_err();
            assert!(matches!(refused, ArchiveError::Path(_)), "{path}");
        }
        assert!(Archive::of(vec![file("a/statements/no-match.published.txt")]).is_ok());
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let twice = Archive::of(vec![file("a"), file("a")]).unwrap_err();
        assert_eq!(twice, ArchiveError::Twice("a".to_owned()));
        let binary = BTreeMap::from([("a".to_owned(), vec![255])]);
        assert_eq!(Archive::new(&binary).unwrap_err(), ArchiveError::NotText("a".to_owned()));
        let sound = Archive::of(vec![file("a"), file("b")]).unwrap();
        let text = String::from_utf8(sound.bytes().to_vec()).unwrap();
        for spoilt in [
            text.replace("set.v1", "set.v2"),
            text.replace("\"a\"", "\"c\""),
            format!("{text} "),
            "{}".to_owned(),
        ] {
            assert_eq!(
                Archive::read(spoilt.as_bytes()).unwrap_err(),
                ArchiveError::Unreadable,
                "{spoilt}"
            );
        }
        let large = ArchivedFile { content: "x".repeat(MOST_BYTES), ..file("a") };
        assert_eq!(Archive::of(vec![large]).unwrap_err(), ArchiveError::TooLarge);
    }
}
