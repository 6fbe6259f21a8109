//! Words that need a human: a lexical screen over what a requester wrote.
//!
//! It judges nobody. A word says that a narrative may touch what a clause protects, and a person reads it. Whole words are
//! compared, without regard to case and accents; the text never leaves this module, only the names of categories do.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::phrases::{self, LONGEST, SHORTEST_STEM};
use crate::domain::UnitWords;

/// The file of the words, beside the packs.
pub(super) const FILE: &str = "words.toml";
/// The category of what a unit adds.
pub const OWN: &str = "unit";
/// Most entries that a unit adds or removes.
const MOST: usize = 500;

/// Why a list of words cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// It is not the TOML that was expected.
    #[error("the list of words cannot be read: {0}")]
    Unreadable(String),
    /// No words, or no letters, or a `*` where it may not stand.
    #[error(
        "`{0}` is no entry of a list of words; write words of letters and digits, at most {LONGEST} characters, and a `*` only behind {SHORTEST_STEM} letters at the end of a word"
    )]
    Entry(String),
    /// More entries than a person can answer for.
    #[error("a unit adds or removes at most {MOST} words")]
    TooMany,
    /// Added and removed, or twice the same.
    #[error("`{0}` stands here a second time; add it or remove it, once")]
    Twice(String),
    /// What is removed is not there.
    #[error(
        "`{0}` is not in the list of words and cannot be removed; see `config/policies/words.toml`"
    )]
    Absent(String),
}

/// Words of one kind, and what they point to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    /// The clauses that a person weighs.
    clauses: Vec<String>,
    /// Folded entries.
    words: BTreeSet<String>,
}

/// The words in force, by category.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lexicon(BTreeMap<String, Category>);

/// A category as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    clauses: Vec<String>,
    english: Vec<String>,
    spanish: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    category: BTreeMap<String, Written>,
}

impl Lexicon {
    /// Reads a file of words.
    pub fn parse(text: &str) -> Result<Self, WordsError> {
        let file: File =
            toml::from_str(text).map_err(|e| WordsError::Unreadable(e.message().to_owned()))?;
        let mut categories = BTreeMap::new();
        for (name, written) in file.category {
            let entries = written.english.iter().chain(&written.spanish);
            let words = entries.map(|word| entry(word)).collect::<Result<_, _>>()?;
            let _ = categories.insert(name, Category { clauses: written.clauses, words });
        }
        Ok(Self(categories))
    }

    /// The words of a unit: these, with its own changes. What cannot be read as an entry changes nothing; an import refuses
    /// it ([`faults`]).
    #[must_use]
    pub fn of_unit(&self, changes: &UnitWords) -> Self {
        let mut own = self.clone();
        for removed in changes.remove.iter().filter_map(|word| entry(word).ok()) {
            for category in own.0.values_mut() {
                let _ = category.words.remove(&removed);
            }
        }
        let added: BTreeSet<String> =
            changes.add.iter().filter_map(|word| entry(word).ok()).collect();
        if !added.is_empty() {
            own.0.entry(OWN.to_owned()).or_default().words.extend(added);
        }
        own
    }

    /// What a unit removes although it is not there.
    pub fn absent(&self, changes: &UnitWords) -> Vec<WordsError> {
        let known =
            |folded: &String| self.0.values().any(|category| category.words.contains(folded));
        let removed = changes.remove.iter().filter_map(|word| Some((word, entry(word).ok()?)));
        let absent = removed.filter(|(_, folded)| !known(folded));
        absent.map(|(word, _)| WordsError::Absent(word.clone())).collect()
    }

    /// The categories whose words stand in a text.
    pub fn screen(&self, text: &str) -> BTreeSet<&str> {
        let tokens = phrases::tokens(text);
        let stands = |entry: &String| phrases::places(entry, &tokens).next().is_some();
        let found = |category: &Category| category.words.iter().any(stands);
        let categories = self.0.iter().filter(|(_, category)| found(category));
        categories.map(|(name, _)| name.as_str()).collect()
    }

    /// The clauses that a category points to.
    pub fn clauses(&self, category: &str) -> &[String] {
        self.0.get(category).map(|category| category.clauses.as_slice()).unwrap_or_default()
    }

    /// The categories.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Everything that is wrong with a unit's changes by themselves.
pub fn faults(changes: &UnitWords) -> Vec<WordsError> {
    let mut found = Vec::new();
    if changes.add.len() > MOST || changes.remove.len() > MOST {
        found.push(WordsError::TooMany);
    }
    let mut seen = BTreeSet::new();
    for word in changes.add.iter().chain(&changes.remove) {
        match entry(word) {
            Ok(folded) => {
                if !seen.insert(folded) {
                    found.push(WordsError::Twice(word.clone()));
                }
            }
            Err(error) => found.push(error),
        }
    }
    found
}

/// An entry of the list.
fn entry(written: &str) -> Result<String, WordsError> {
    phrases::entry(written).ok_or_else(|| WordsError::Entry(written.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;
    use crate::domain::plain_text::fold;

    static BUILTIN: LazyLock<Lexicon> =
        LazyLock::new(|| Lexicon::parse(include_str!("../../config/policies/words.toml")).unwrap());

    fn builtin() -> &'static Lexicon {
        &BUILTIN
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    fn screened(text: &str) -> Vec<String> {
        builtin().screen(text).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_words_that_come_with_the_program_point_to_clauses_that_exist() {
        let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_800);
        let policies = crate::policy::builtin::load(now).unwrap();
        let lexicon = builtin();
        assert_eq!(
            lexicon.categories().collect::<Vec<_>>(),
            ["health", "immigration", "politics", "press", "protest", "religion"]
        );
        for category in lexicon.categories() {
            let clauses = lexicon.clauses(category);
            assert!(clauses.contains(&"CORE-BASIS".to_owned()), "{category}");
            for clause in clauses {
                assert!(policies.clause(clause).is_some(), "{category}: {clause}");
            }
        }
    }

    #[test]
    fn both_languages_are_read_whatever_the_case_and_the_accents() {
        for (text, category) in [
            ("Seen at the PROTEST on Main Street.", "protest"),
            ("Participó en una manifestación.", "protest"),
            ("participo en una MANIFESTACIO\u{301}N", "protest"),
            ("She is an undocumented worker", "immigration"),
            ("trabajador indocumentado, sin papeles", "immigration"),
            ("near the Mosque.", "religion"),
            ("frente a la iglesia", "religion"),
            ("he attended a union-meeting", "politics"),
            ("la huelga del sindicato", "politics"),
            ("a photojournalist's camera", "press"),
            ("un periodista", "press"),
            ("left the reproductive\u{a0}health clinic", "health"),
            ("está embarazada", "health"),
            ("pro\u{ad}test", "protest"),
            ("Ｐｒｏｔｅｓｔ", "protest"),
        ] {
            assert_eq!(screened(text), [category], "{text}");
        }
    }

    #[test]
    fn a_part_of_a_word_and_a_word_of_everyday_work_are_nothing() {
        for text in [
            "Assault outside a store; the attacker fled on foot. A search may show who to look for.",
            "The reporting party paid by Visa card at Union Street and wired money by Western Union.",
            "He ran up the court in March; Iglesias, Christian, is the victim.",
            "The suspect wore a deportivo jacket; practica deportes.",
            "robbery of a temple street shop, impressed witnesses, expression, politely",
            "",
            "----",
        ] {
            assert_eq!(screened(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_unit_adds_and_removes_words() {
        let changes =
            UnitWords { add: words(&["Quinceañera", "food bank*"]), remove: words(&["CLÍNIC"]) };
        assert_eq!(faults(&changes), []);
        assert_eq!(builtin().absent(&changes), []);
        let own = builtin().of_unit(&changes);
        assert!(own.screen("at the clinic").is_empty());
        assert_eq!(own.screen("a quinceanera").into_iter().collect::<Vec<_>>(), [OWN]);
        assert_eq!(own.screen("two FOOD BANKS").into_iter().collect::<Vec<_>>(), [OWN]);
        assert!(own.screen("food for the bank").is_empty());
        assert!(own.clauses(OWN).is_empty());
        assert_eq!(builtin().of_unit(&UnitWords::default()), *builtin());
    }

    #[test]
    fn a_change_that_changes_nothing_is_told() {
        let unheard = UnitWords { add: Vec::new(), remove: words(&["unheard"]) };
        assert_eq!(builtin().absent(&unheard), [WordsError::Absent("unheard".to_owned())]);
        for wrong in ["", " ", "*", "ab*", "pro*test", "--", &"a".repeat(65), "all *"] {
            let changes = UnitWords { add: words(&[wrong]), remove: Vec::new() };
            assert_eq!(faults(&changes), [WordsError::Entry(wrong.to_owned())], "{wrong}");
        }
        let both = UnitWords { add: words(&["Rally"]), remove: words(&["rally"]) };
        assert_eq!(faults(&both), [WordsError::Twice("rally".to_owned())]);
        let many =
            UnitWords { add: Vec::new(), remove: (0..501).map(|n| format!("w{n}")).collect() };
        assert_eq!(faults(&many), [WordsError::TooMany]);
        assert!(matches!(Lexicon::parse("category = 3"), Err(WordsError::Unreadable(_))));
        let wrong = "[category.x]\nclauses = []\nenglish = [\"*\"]\nspanish = []";
        assert_eq!(Lexicon::parse(wrong), Err(WordsError::Entry("*".to_owned())));
    }

    /// Every plain word of the list.
    fn plain_words() -> Vec<(String, String)> {
        let lexicon = builtin();
        let all = lexicon.0.iter().flat_map(|(name, category)| {
            category.words.iter().map(move |word| (name.clone(), word.replace('*', "")))
        });
        all.collect()
    }

    proptest! {
        #[test]
        fn a_word_is_found_in_any_case_between_any_neighbours(
            pick: prop::sample::Index,
            upper in proptest::collection::vec(any::<bool>(), 64),
            before in "[ .,;:!?(\n-]",
            after in "[ .,;:!?\n\"')]",
        ) {
            let all = plain_words();
            let (category, word) = pick.get(&all);
            let cased: String = word
                .chars()
                .zip(upper.iter().cycle())
                .flat_map(|(c, up)| if *up { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] })
                .collect();
            let text = format!("someone{before}{cased}{after}someone");
            let lexicon = builtin();
            prop_assert!(lexicon.screen(&text).contains(category.as_str()), "{text:?}");
        }

        #[test]
        fn accents_and_case_make_no_difference(text in "[a-zA-ZáéíóúñüÁÉÍÓÚÑÜ ]{0,80}") {
            let folded = fold(&text);
            prop_assert_eq!(&folded, &fold(&text.to_uppercase()));
            prop_assert_eq!(&folded, &fold(&text.to_lowercase()));
            prop_assert_eq!(&folded, &fold(&text.nfd().collect::<String>()));
            let lexicon = builtin();
            prop_assert_eq!(lexicon.screen(&text), lexicon.screen(&folded));
        }

        #[test]
        fn any_text_is_screened_and_only_categories_come_out(text: String) {
            let lexicon = builtin();
            let known: BTreeSet<&str> = lexicon.categories().collect();
            prop_assert!(lexicon.screen(&text).is_subset(&known));
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        #[test]
        fn more_text_never_hides_a_word(one in "[a-z ]{0,40}", other in "[a-z ]{0,40}") {
            let lexicon = builtin();
            let both = format!("{one} {other}");
            prop_assert!(lexicon.screen(&one).is_subset(&lexicon.screen(&both)));
        }
    }
}
