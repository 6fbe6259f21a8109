//! Why a pack is refused.

use std::fmt;

/// One reason to refuse a pack, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct PackError {
    /// The file, relative to the directory of packs.
    pub file: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// The rule, by its `@id`, where there is one.
    pub rule: Option<String>,
    /// What is wrong.
    pub problem: PackProblem,
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to load policy file {}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, ", rule `{rule}`")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What is wrong with a pack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum PackProblem {
    /// A file that must be there is not.
    #[error("the file is missing; restore it from the pack's issue")]
    FileMissing,
    /// A file that nothing names.
    #[error("the file belongs to no pack and to no statement; remove it, or name it in pack.toml")]
    FileUnknown,
    /// The pack `core` is missing.
    #[error("the pack `core` is always in force and must be present")]
    NoCore,
    /// The file is not UTF-8.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// The file does not parse.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// The pack's id is not the name of its directory.
    #[error("the pack calls itself `{0}`; its id and its directory's name must be the same")]
    IdMismatch(String),
    /// A placeholder was left.
    #[error("the placeholder `{0}` is not filled in; put the unit's own words there")]
    Placeholder(String),
    /// The pack takes effect later.
    #[error("the pack takes effect on {0}, which is in the future")]
    NotYetEffective(String),
    /// A date is neither there nor recorded as missing, or both.
    #[error(
        "`{0}` stands in the pack, or in `missing` where the source does not state it, and not in both"
    )]
    Missing(&'static str),
    /// A hash is no SHA-256 in lower-case hexadecimal.
    #[error("`{0}` is no SHA-256 of 64 lower-case hexadecimal digits")]
    BadHash(String),
    /// A statement's text is not the approved one.
    #[error(
        "the text of statement `{statement}` has SHA-256 {actual}, which is not the approved one; \
         restore the text, or have the new one approved and put its hash into pack.toml"
    )]
    StatementHash {
        /// The statement.
        statement: String,
        /// The text's hash.
        actual: String,
    },
    /// Two things have one id.
    #[error("the id `{0}` is used twice; ids are unique over all packs")]
    Duplicate(String),
    /// A clause is cited that the pack's table does not hold.
    #[error("clause `{0}` is cited and does not stand in clauses.toml")]
    UnknownClause(String),
    /// A clause without an answer, or with one that leads nowhere.
    #[error("clause `{clause}` has no answer: {why}")]
    Unanswered {
        /// The clause.
        clause: String,
        /// What is missing.
        why: String,
    },
    /// A rule that its clause does not name.
    #[error("clause `{0}` does not name the rule in `by`")]
    RuleUnlisted(String),
    /// A rule lacks an annotation.
    #[error("the annotation `@{0}` is missing or empty")]
    AnnotationMissing(&'static str),
    /// An annotation holds something else than it may.
    #[error("`@{name}` is `{given}`; allowed: {allowed}")]
    AnnotationValue {
        /// The annotation.
        name: &'static str,
        /// What it holds.
        given: String,
        /// What it may hold.
        allowed: &'static str,
    },
    /// A rule that permits.
    #[error("only the pack `core` permits, once and without condition; write `forbid`")]
    Permit,
    /// A rule for an action that is no gate, or a template.
    #[error("{0}")]
    Scope(&'static str),
    /// A character that a reader does not see.
    #[error("the character `{0}` cannot be seen or turns the text around; write the line anew")]
    Hidden(String),
    /// An id with characters that look like others.
    #[error(
        "the id `{0}` holds more than ASCII letters, digits and `._-`, so it may look like another id; write it anew"
    )]
    BadId(String),
    /// A pack wants to take over another one.
    #[error(
        "packs do not import one another, so `extends` has no place here; \
         name every pack that is in force under `packs` of the unit or the agency, and the strictest verdict wins"
    )]
    Import,
    /// The files together make no set.
    #[error(transparent)]
    Archive(super::ArchiveError),
    /// The schema does not know what a rule looks at, or the rule can never apply.
    #[error("the schema refuses it: {0}")]
    Schema(String),
}
