//! A pack that was read and checked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::decision::PackInForce;
use super::gate::Gate;
use crate::domain::examination::WaiverReason;
use crate::domain::{Finding, PackId, Role, Verdict};

/// The file of a pack's rules.
pub(super) const RULES: &str = "rules.cedar";

/// A policy as data.
#[derive(Debug, Clone)]
pub struct Pack {
    pub(super) in_force: PackInForce,
    pub(super) title: String,
    pub(super) issuer: String,
    pub(super) number: String,
    pub(super) effective: Option<NaiveDate>,
    pub(super) review_due: Option<NaiveDate>,
    pub(super) source_sha256: Option<String>,
    pub(super) missing: BTreeSet<Stated>,
    pub(super) waivers: BTreeSet<WaiverReason>,
    pub(super) clauses: BTreeMap<String, Clause>,
    pub(super) statements: BTreeMap<String, Statement>,
    pub(super) gates: BTreeMap<Gate, GateRules>,
}

impl Pack {
    /// Whether a second review may be waived for this reason.
    pub fn allows_waiver(&self, reason: WaiverReason) -> bool {
        self.waivers.contains(&reason)
    }

    /// Its id and the hash of its content.
    pub fn in_force(&self) -> &PackInForce {
        &self.in_force
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Who issued it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its number.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The first day on which it is in force; `None` where its source does not say.
    pub fn effective(&self) -> Option<NaiveDate> {
        self.effective
    }

    /// The day on which its review is due, where it names one.
    pub fn review_due(&self) -> Option<NaiveDate> {
        self.review_due
    }

    /// Whether its review was due before `today`. It stays in force: a policy that is late is still the policy.
    pub fn review_overdue(&self, today: NaiveDate) -> bool {
        self.review_due.is_some_and(|due| due < today)
    }

    /// SHA-256 of the policy's source file, where there is one.
    pub fn source_sha256(&self) -> Option<&str> {
        self.source_sha256.as_deref()
    }

    /// Dates that its source does not state.
    pub fn missing(&self) -> &BTreeSet<Stated> {
        &self.missing
    }

    /// Its clauses, by id.
    pub fn clauses(&self) -> &BTreeMap<String, Clause> {
        &self.clauses
    }

    /// Its statements, by their name within the pack.
    pub fn statements(&self) -> &BTreeMap<String, Statement> {
        &self.statements
    }

    /// Every rule with its gate and its clause.
    pub fn rules(&self) -> impl Iterator<Item = (Gate, &str, &str)> {
        self.gates.iter().flat_map(|(gate, rules)| {
            rules.rules.iter().map(|(id, rule)| (*gate, id.as_str(), rule.clause.as_str()))
        })
    }
}

/// The rules of a pack at one gate.
#[derive(Debug, Clone)]
pub(super) struct GateRules {
    /// With core's permit, so that Cedar allows what nothing forbids.
    pub(super) cedar: cedar_policy::PolicySet,
    pub(super) rules: BTreeMap<String, Rule>,
}

/// What a rule says where it forbids.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) clause: String,
    pub(super) verdict: Verdict,
    pub(super) role: Role,
    pub(super) field: String,
    pub(super) message: String,
    pub(super) remedy: String,
    /// Line of `rules.cedar`, from 1.
    pub(super) line: usize,
}

impl Rule {
    /// File and line, as a reader finds them in the folder of packs.
    pub(super) fn place(&self, pack: &PackId) -> String {
        format!("{pack}/{RULES}:{}", self.line)
    }

    /// The finding, its field below `prefix`.
    pub(super) fn finding(&self, pack: &PackInForce, prefix: &str) -> Finding {
        Finding {
            clause: self.clause.clone(),
            pack: pack.pack.as_str().to_owned(),
            verdict: self.verdict,
            field: format!("{prefix}{}", self.field),
            message: self.message.clone(),
            remedy: self.remedy.clone(),
        }
    }
}

/// A text whose words matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The approved text.
    pub text: String,
    /// SHA-256 of its UTF-8 bytes, hexadecimal.
    pub text_sha256: String,
    /// The text as published, where the source prints one.
    pub published: Option<String>,
    /// The clauses that ask for it.
    pub clauses: Vec<String>,
    /// A requester must affirm it.
    pub affirm: bool,
    /// Where the words come from: the policy, or the unit where the policy has none.
    pub origin: Origin,
}

/// A date that a policy is expected to state. One that is left out is recorded as missing.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Stated {
    /// When it takes effect.
    Effective,
    /// When its review is due.
    ReviewDue,
}

/// Who chose a statement's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The policy prints them.
    Policy,
    /// The unit: the policy has no words for it.
    Unit,
}

/// How binding a clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// Must, shall, will.
    Must,
    /// Should, encouraged, if available.
    Should,
    /// A definition, statement or heading.
    Definition,
}

/// How a clause is answered.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Answer {
    /// By rules.
    Rule,
    /// By a statement that is affirmed or printed.
    Statement,
    /// By members of the form or of a record that cannot be left out.
    Field,
    /// By a duty with a deadline.
    Duty,
    /// By a promise.
    Attest,
    /// By showing the words.
    Display,
    /// By configuration.
    Config,
    /// By a definition.
    Definition,
    /// By the engine itself.
    Engine,
    /// Not at all, because it does not apply; says why.
    NotApplicable,
    /// By a part of the program that is being built; names it.
    Planned,
}

/// One clause of a policy, and how it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// Its id (`LACRIS-PRO-1`).
    pub id: String,
    /// Lines of the source file.
    #[serde(default)]
    pub lines: String,
    /// How binding it is.
    pub force: Force,
    /// What it says, in our words.
    pub text: String,
    /// How it is answered.
    pub answer: Answer,
    /// The rules, statements or members that answer, or where, or why not.
    #[serde(default)]
    pub by: Vec<String>,
    /// The part that will answer, where it is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The test that proves the answer: a function, or `scenario <name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
}
