//! The checklist of the morphological comparison, as data.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::domain::plain_text::fold;

/// The checklist that comes with the program.
static BUILTIN: LazyLock<Checklist> = LazyLock::new(|| {
    // One that cannot be read would know no feature and refuse every comparison; a test reads it.
    toml::from_str(include_str!("../../../config/examination/checklist.toml")).unwrap_or_default()
});

/// Most components, and most features of one.
const MOST: usize = 100;

/// What a reviewer compares (LACRIS-RPT-6).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// Its version.
    pub version: String,
    /// The components.
    #[serde(rename = "component")]
    pub components: Vec<Component>,
}

/// A part of the face, and what is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its name (`Ears`).
    pub name: String,
    /// Its features (`lobe attachment`).
    pub features: Vec<String>,
}

/// Which checklist a record was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistUsed {
    /// Its version.
    pub version: String,
    /// SHA-256 of its content, hexadecimal.
    pub sha256: String,
}

impl Checklist {
    /// The one that comes with the program.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Whether a line of a comparison names a component (`Ears`), or a feature of one (`Ears: lobe attachment`). Case and
    /// punctuation make no difference.
    pub fn knows(&self, feature: &str) -> bool {
        let wanted = key(feature);
        self.components.iter().any(|component| {
            let name = key(&component.name);
            name == wanted
                || component.features.iter().any(|one| format!("{name}{}", key(one)) == wanted)
        })
    }

    /// Its version and hash.
    pub fn used(&self) -> ChecklistUsed {
        let mut hash = openssl::sha::Sha256::new();
        let mut add = |text: &str| {
            hash.update(text.as_bytes());
            hash.update(b"\0");
        };
        add(&self.version);
        for component in &self.components {
            add(&component.name);
            for feature in &component.features {
                add(feature);
            }
            add("");
        }
        ChecklistUsed { version: self.version.clone(), sha256: hex::encode(hash.finish()) }
    }

    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        let named = |text: &str| !key(text).is_empty() && text.chars().count() <= 60;
        let mut seen = BTreeSet::new();
        let once = self.components.iter().all(|component| seen.insert(key(&component.name)));
        let sound = self.components.iter().all(|component| {
            named(&component.name)
                && component.features.len() <= MOST
                && component.features.iter().all(|feature| named(feature))
        });
        if !named(&self.version) {
            Some("a checklist has a version")
        } else if self.components.is_empty() || self.components.len() > MOST {
            Some("a checklist has one to 100 components")
        } else if !once {
            Some("a component stands in a checklist once")
        } else if !sound {
            Some(
                "components and features have names of at most 60 characters, and a component at most 100 features",
            )
        } else {
            None
        }
    }
}

fn key(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checklist_that_comes_with_the_program_is_sound() {
        let list = Checklist::builtin();
        assert_eq!(list.fault(), None);
        assert_eq!(list.components.len(), 18);
        for known in
            ["Ears", "ears", "Hair line", "EARS, lobe attachment", "Chin/jawline", "nose: bridge"]
        {
            assert!(list.knows(known), "{known}");
        }
        for unknown in ["", "Gait", "lobe attachment", "Ears: beard", "Ear"] {
            assert!(!list.knows(unknown), "{unknown}");
        }
    }

    #[test]
    fn whatever_changes_a_checklist_changes_its_hash() {
        let one = Checklist::builtin().clone();
        assert_eq!(one.used(), Checklist::builtin().used());
        let mut other = one.clone();
        other.components[0].features.push("shine".to_owned());
        assert_ne!(one.used().sha256, other.used().sha256);
        let mut moved = one.clone();
        let feature = moved.components[0].features.pop().unwrap();
        moved.components[1].features.insert(0, feature);
        assert_ne!(one.used().sha256, moved.used().sha256);
    }

    #[test]
    fn a_checklist_of_a_unit_is_looked_at() {
        let list = |version: &str, names: &[&str]| Checklist {
            version: version.to_owned(),
            components: names
                .iter()
                .map(|name| Component { name: (*name).to_owned(), features: Vec::new() })
                .collect(),
        };
        assert_eq!(list("a", &["Ears"]).fault(), None);
        for wrong in [
            list("", &["Ears"]),
            list("a", &[]),
            list("a", &["Ears", "ears "]),
            list("a", &["-"]),
            list("a", &[&"x".repeat(61)]),
        ] {
            assert!(wrong.fault().is_some(), "{wrong:?}");
        }
    }
}
