//! Words of identification: what no person of a unit writes about a case, because a lead cannot say it (CORE-IDENTITY).
//!
//! The one place that knows which words these are. It compares whole words; what a pack mandates may stand where it stands
//! word for word.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::engine::PolicySet;
use super::pack::Pack;
use super::phrases::{self, Token};
use super::words::WordsError;

/// The file of the words, beside the packs.
pub(super) const FILE: &str = "identification_words.toml";

/// A place that says that a face is somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// JSON pointer to the text.
    pub pointer: String,
    /// Where the words begin in it, in characters (Unicode code points) from 0.
    pub offset: usize,
    /// How many characters they take.
    pub length: usize,
    /// The words, as they were compared: small letters, no accents.
    pub words: String,
}

impl Claim {
    /// What is wrong, and what to write instead.
    pub fn message(&self) -> String {
        format!(
            "`{}`, {} characters long at character {}, says that a face is somebody; a lead does not. Write what agrees \
             and what does not, or `possible candidate`, `investigative lead` (CORE-IDENTITY)",
            self.words, self.length, self.offset
        )
    }
}

/// The words, and what may stand although it holds some.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct IdentificationWords {
    refused: BTreeSet<String>,
    denied: BTreeSet<String>,
    /// Mandated statements that hold such words, by their folded words.
    mandated: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    english: Vec<String>,
    spanish: Vec<String>,
    denied: Vec<String>,
}

impl IdentificationWords {
    /// Reads the file of the words.
    pub(super) fn parse(text: &str) -> Result<Self, WordsError> {
        let file: File =
            toml::from_str(text).map_err(|e| WordsError::Unreadable(e.message().to_owned()))?;
        let entry = |written: &String| {
            phrases::entry(written).ok_or_else(|| WordsError::Entry(written.clone()))
        };
        Ok(Self {
            refused: file
                .english
                .iter()
                .chain(&file.spanish)
                .map(entry)
                .collect::<Result<_, _>>()?,
            denied: file.denied.iter().map(entry).collect::<Result<_, _>>()?,
            mandated: BTreeSet::new(),
        })
    }

    /// With the statements of these packs.
    pub(super) fn leaving<'p>(mut self, packs: impl Iterator<Item = &'p Pack>) -> Self {
        let texts = packs.flat_map(|pack| pack.statements.values()).map(|s| s.text.as_str());
        let said = texts.filter(|text| !self.spans(&phrases::tokens(text)).is_empty());
        let words = |text| {
            let tokens = phrases::tokens(text).into_iter().map(|token| token.word);
            tokens.collect::<Vec<_>>().join(" ")
        };
        self.mandated = said.map(words).collect();
        self
    }

    /// Where such words stand, as places in `tokens`; of several that begin together, the longest.
    fn spans(&self, tokens: &[Token]) -> Vec<Range<usize>> {
        let left = |entries: &BTreeSet<String>| {
            let places = entries.iter().flat_map(|entry| phrases::places(entry, tokens));
            places.collect::<Vec<Range<usize>>>()
        };
        let mut allowed = left(&self.denied);
        allowed.extend(left(&self.mandated));
        let mut spans = left(&self.refused);
        spans.retain(|span| {
            !allowed.iter().any(|around| around.start <= span.start && span.end <= around.end)
        });
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        spans.dedup_by_key(|span| span.start);
        spans
    }

    fn claims(&self, pointer: &str, text: &str) -> Vec<Claim> {
        let tokens = phrases::tokens(text);
        let claim = |span: Range<usize>| {
            let words = tokens.get(span)?;
            let (first, last) = (words.first()?, words.last()?);
            let said: Vec<&str> = words.iter().map(|token| token.word.as_str()).collect();
            Some(Claim {
                pointer: pointer.to_owned(),
                offset: first.at.start,
                length: last.at.end - first.at.start,
                words: said.join(" "),
            })
        };
        self.spans(&tokens).into_iter().filter_map(claim).collect()
    }
}

impl PolicySet {
    /// Every place of a text that says that a face is somebody. `pointer` names the text.
    pub fn identity_claims(&self, pointer: &str, text: &str) -> Vec<Claim> {
        self.identification.claims(pointer, text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static POLICIES: LazyLock<PolicySet> = LazyLock::new(|| {
        let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_800);
        crate::policy::builtin::load(now).unwrap()
    });

    fn said(text: &str) -> Vec<String> {
        POLICIES.identity_claims("/narrative", text).into_iter().map(|claim| claim.words).collect()
    }

    #[test]
    fn what_says_that_a_face_is_somebody_is_found_in_both_languages() {
        for (text, words) in [
            ("The attacker was Positively\n identified.", "positively identified"),
            ("Identified as the man of the booking photograph.", "identified as"),
            (
                "Not a positive identification by ear alone, but it is the same person.",
                "is the same person",
            ),
            ("A 100% hit.", "100 %"),
            ("A 100 % hit.", "100 %"),
            ("It’s him.", "it s him"),
            ("I\u{200B}t i\u{AD}s h\u{2060}im", "it is him"),
            ("ＰＯＳＩＴＩＶＥ ＭＡＴＣＨ", "positive match"),
            ("posi\u{301}tive-match", "positive match"),
            ("Fue identificado como el agresor", "identificado como"),
            ("Sin lugar a dudas", "sin lugar a dudas"),
            ("IDENTIFICACIÓN POSITIVA", "identificacion positiva"),
            ("es la misma persona", "es la misma persona"),
            ("the identity is confirmed, I know", "identity is confirmed"),
        ] {
            assert_eq!(said(text), [words], "{text}");
        }
    }

    #[test]
    fn what_compares_and_what_denies_is_left_alone() {
        for text in [
            "Ear shape and hair line agree; nothing speaks against the candidate.",
            "This is not a positive identification.",
            "The scar could not be identified as such in the probe.",
            "Victim and clerk describe the same person.",
            "A possible candidate; an investigative lead and no more.",
            "Fingerprints were not asked for; 100 candidates were looked at.",
            "No es una identificación positiva.",
            "",
        ] {
            assert_eq!(said(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_mandated_statement_may_stand_as_it_is_and_not_otherwise() {
        let sentence =
            IdentificationWords::parse("english = [\"positive match\"]\nspanish = []\ndenied = []");
        let mut words = sentence.unwrap();
        let mandated = "A positive match is for a court to find.";
        assert_eq!(words.claims("/x", mandated).len(), 1);
        let _ = words.mandated.insert("a positive match is for a court to find".to_owned());
        assert_eq!(words.claims("/x", &format!("We print: {mandated}")), []);
        assert_eq!(words.claims("/x", "A positive match is for me to find.").len(), 1);
        assert_eq!(words.claims("/x", &format!("{mandated} A positive match.")).len(), 1);
        // Every statement of every pack may be quoted whole.
        for pack in POLICIES.packs() {
            for (name, statement) in &pack.statements {
                assert_eq!(said(&statement.text), Vec::<String>::new(), "{name}");
            }
        }
    }

    #[test]
    fn a_claim_shows_its_place() {
        let text = "Así fue: “identi\u{200B}ficado  como” él.";
        let claims = POLICIES.identity_claims("/comparison/0/probe", text);
        let [claim] = claims.as_slice() else { panic!("{claims:?}") };
        assert_eq!(claim.pointer, "/comparison/0/probe");
        let shown: String = text.chars().skip(claim.offset).take(claim.length).collect();
        assert_eq!(shown, "identi\u{200B}ficado  como");
        assert!(claim.message().contains("`identificado como`"));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_refused() {
        for wrong in ["english = 3", "english = [\"*\"]\nspanish = []\ndenied = []", "english = []"]
        {
            assert!(IdentificationWords::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_entry_is_found_between_any_neighbours(
            pick: prop::sample::Index,
            before in "[ .,;:!?(\n-]",
            after in "[ .,;:!?\n\"')]",
        ) {
            let all: Vec<&String> = POLICIES.identification.refused.iter().collect();
            let entry = pick.get(&all).replace('*', "");
            let text = format!("someone{before}{}{after}someone", entry.to_uppercase());
            prop_assert!(!said(&text).is_empty(), "{text:?}");
        }

        #[test]
        fn a_place_lies_in_the_text(text: String) {
            let letters = text.chars().count();
            for claim in POLICIES.identity_claims("/x", &text) {
                prop_assert!(claim.length > 0 && claim.offset + claim.length <= letters);
            }
        }
    }
}
