//! What was decided, and on which clauses.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::gate::Gate;
use crate::domain::{Finding, PackId, Role, Verdict};

/// A pack that was asked, with the SHA-256 of its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PackInForce {
    /// The pack.
    pub pack: PackId,
    /// SHA-256 over its files, hexadecimal.
    pub sha256: String,
}

/// Where a set of packs is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetOrigin {
    /// It comes with the program.
    BuiltIn,
    /// A folder of the server's own machine.
    Directory,
    /// Two people put it in force, as this version.
    Activated(i64),
}

/// Which set of packs decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SetInForce {
    /// Where it is from.
    pub origin: SetOrigin,
    /// SHA-256 of its [`Archive`](super::Archive), hexadecimal.
    pub sha256: String,
}

impl fmt::Display for SetInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            SetOrigin::BuiltIn => f.write_str("built_in")?,
            SetOrigin::Directory => f.write_str("directory")?,
            SetOrigin::Activated(version) => write!(f, "{version}")?,
        }
        // Cut as the packs' digests are in the audit log.
        write!(f, ":{}", self.sha256.get(..16).unwrap_or_default())
    }
}

/// What the policies say at a gate. Only the engine makes one, and never without its clauses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use]
pub struct PolicyDecision {
    verdict: Verdict,
    gates: BTreeSet<Gate>,
    findings: Vec<Finding>,
    deciders: BTreeSet<Role>,
    clauses: BTreeSet<String>,
    rules: BTreeSet<String>,
    packs: BTreeSet<PackInForce>,
    set: Option<SetInForce>,
}

/// What a decision is made of, before its verdict is drawn.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) gates: BTreeSet<Gate>,
    pub(super) findings: BTreeSet<Finding>,
    pub(super) deciders: BTreeSet<Role>,
    pub(super) clauses: BTreeSet<String>,
    pub(super) rules: BTreeSet<String>,
    pub(super) packs: BTreeSet<PackInForce>,
    pub(super) set: Option<SetInForce>,
}

impl PolicyDecision {
    /// The verdict is the strictest of the findings.
    pub(super) fn new(answers: Answers) -> Self {
        let verdict = answers.findings.iter().map(|f| f.verdict).max().unwrap_or(Verdict::Accept);
        Self {
            verdict,
            gates: answers.gates,
            findings: answers.findings.into_iter().collect(),
            deciders: answers.deciders,
            clauses: answers.clauses,
            rules: answers.rules,
            packs: answers.packs,
            set: answers.set,
        }
    }

    /// The strictest verdict of all rules that were asked.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The gates at which it was asked: one, or `submit` with `use_probe` for a whole form.
    pub fn gates(&self) -> &BTreeSet<Gate> {
        &self.gates
    }

    /// Every reason against, sorted, each once.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The roles that decide the holds; empty without a hold.
    pub fn deciders(&self) -> &BTreeSet<Role> {
        &self.deciders
    }

    /// The clauses of all rules that were asked, those that were kept and those that were broken.
    pub fn clauses(&self) -> &BTreeSet<String> {
        &self.clauses
    }

    /// The ids of all rules that were asked.
    pub fn rules(&self) -> &BTreeSet<String> {
        &self.rules
    }

    /// The packs that were in force.
    pub fn packs(&self) -> &BTreeSet<PackInForce> {
        &self.packs
    }

    /// The set of packs that decided.
    pub fn set(&self) -> Option<&SetInForce> {
        self.set.as_ref()
    }

    /// The proof that the policies accept, or the decision back.
    pub fn accepted(self) -> Result<Accepted, Box<Self>> {
        match self.verdict {
            Verdict::Accept => Ok(Accepted(self)),
            Verdict::Hold | Verdict::Reject => Err(Box::new(self)),
        }
    }
}

/// A decision whose verdict is `Accept`. What needs a policy's consent takes this as an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted(PolicyDecision);

impl Accepted {
    /// The decision.
    pub fn decision(&self) -> &PolicyDecision {
        &self.0
    }
}

/// What one rule says about the facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Explained {
    /// The pack.
    pub pack: PackId,
    /// The rule.
    pub rule: String,
    /// Where it was asked.
    pub gate: Gate,
    /// The clause.
    pub clause: String,
    /// The clause in our words.
    pub clause_text: String,
    /// Lines of the policy's source that state the clause; empty where it has no source.
    pub clause_lines: String,
    /// What the rule says: `Accept` where it is kept.
    pub verdict: Verdict,
    /// It could not be evaluated, and therefore rejects.
    pub failed: bool,
    /// JSON pointer to what it looks at.
    pub field: String,
    /// What is wrong when it is broken.
    pub message: String,
    /// What to do next when it is broken.
    pub remedy: String,
    /// File and line of the rule (`lacris/rules.cedar:40`).
    pub place: String,
}
