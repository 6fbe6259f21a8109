//! What makes a pack sound: its rules, its clauses, and that each leads to the other.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{
    ActionConstraint, Effect, Policy, PolicyId, PolicySet as Cedar, PrincipalConstraint,
    ResourceConstraint, ValidationMode, Validator,
};
use strum::VariantArray;

use super::characters::{is_plain_id, shown};
use super::error::PackProblem;
use super::gate::Gate;
use super::load::{CORE, Errors, Parts, Reader, labelled_line, line_with};
use super::manifest::ClauseTable;
use super::pack::{Answer, Clause, GateRules, RULES, Rule};
use crate::domain::{Role, Verdict};

/// Parts of the program that may still owe an answer.
const PARTS: [&str; 3] = ["rosters-and-reviewers", "records-and-audits", "portal"];

/// Core's permit, without which Cedar allows nothing.
pub(super) fn permit(rules: &[u8]) -> Option<Policy> {
    let set: Cedar = std::str::from_utf8(rules).ok()?.parse().ok()?;
    set.policies()
        .find(|p| p.effect() == Effect::Permit)
        .map(|p| p.new_id(PolicyId::new("core-permit")))
}

/// What templates leave to be filled in.
const PLACEHOLDERS: [&str; 3] = ["[insert", "(insert", "xxx"];

/// Whether a text has something that a template left to be filled in.
pub fn has_placeholder(text: &str) -> bool {
    let lower = text.to_lowercase();
    PLACEHOLDERS.iter().any(|placeholder| lower.contains(placeholder))
}

/// Refuses what a template left to be filled in.
pub(super) fn placeholders(path: &str, text: &str, errors: &mut Errors) {
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        for placeholder in PLACEHOLDERS {
            if lower.contains(placeholder) {
                let problem = PackProblem::Placeholder(placeholder.to_owned());
                errors.at(path, Some(number + 1), problem);
            }
        }
    }
}

/// The clauses by id.
pub(super) fn clauses(
    (path, text): (&str, &str),
    table: ClauseTable,
    errors: &mut Errors,
) -> BTreeMap<String, Clause> {
    let mut clauses = BTreeMap::new();
    for clause in table.clause {
        let named = format!("id = \"{}\"", clause.id);
        if !is_plain_id(&clause.id) {
            let problem = PackProblem::BadId(shown(&clause.id));
            errors.at(path, line_with(text, &named), problem);
        }
        if let Some(twice) = clauses.insert(clause.id.clone(), clause) {
            // The second place is the one to look at.
            let places = text.lines().enumerate().filter(|(_, line)| line.contains(&named));
            let second = places.map(|(number, _)| number + 1).nth(1);
            errors.at(path, second, PackProblem::Duplicate(twice.id));
        }
    }
    clauses
}

/// The rules by gate. Ids in `taken` are used already, by this pack or another.
pub(super) fn rules(
    reader: &Reader<'_>,
    text: &str,
    taken: &mut BTreeSet<String>,
    errors: &mut Errors,
) -> BTreeMap<Gate, GateRules> {
    let path = reader.path(RULES);
    let parsed: Cedar = match text.parse() {
        Ok(parsed) => parsed,
        Err(e) => {
            let problem = PackProblem::Unreadable(e.to_string());
            errors.at(&path, labelled_line(text, &e), problem);
            return BTreeMap::new();
        }
    };
    if parsed.num_of_templates() > 0 {
        let problem = PackProblem::Scope("templates are not supported; write the rule out");
        errors.add(&path, problem);
    }
    let mut sound = Vec::new();
    let mut permits = 0;
    for policy in parsed.policies() {
        let place = (path.as_str(), text);
        if policy.effect() == Effect::Permit {
            permits += 1;
            if reader.name != CORE || permits > 1 || !is_bare(policy) {
                let id = policy.annotation("id").unwrap_or("permit");
                errors.rule(&path, text, id, PackProblem::Permit);
            }
        } else if let Some((id, rule)) = rule(place, policy, errors) {
            if taken.insert(id.clone()) {
                sound.push((policy.new_id(PolicyId::new(&id)), id, rule));
            } else {
                errors.rule(&path, text, &id, PackProblem::Duplicate(id.clone()));
            }
        }
    }
    validate(reader, (&path, text), &sound, errors);
    by_gate(reader, (&path, text), sound, errors)
}

fn is_bare(permit: &Policy) -> bool {
    !permit.has_non_scope_constraint() && permit.action_constraint() == ActionConstraint::Any
}

/// A rule's annotations.
fn rule(
    (path, text): (&str, &str),
    policy: &Policy,
    errors: &mut Errors,
) -> Option<(String, Rule)> {
    let id = policy.annotation("id").filter(|id| !id.is_empty());
    let shown = id.map_or_else(|| policy.id().to_string(), str::to_owned);
    let mut read = |name: &'static str, may_be_empty: bool| {
        let value = policy.annotation(name).filter(|v| may_be_empty || !v.is_empty());
        if value.is_none() {
            errors.rule(path, text, &shown, PackProblem::AnnotationMissing(name));
        }
        value.map(str::to_owned)
    };
    let (id, clause) = (read("id", false), read("clause", false));
    let (verdict, field) = (read("verdict", false), read("field", true));
    let (message, remedy) = (read("message", false), read("remedy", false));
    let mut bad = |name, given: &str, allowed| {
        let given = given.to_owned();
        let problem = PackProblem::AnnotationValue { name, given, allowed };
        errors.rule(path, text, &shown, problem);
    };
    let verdict = match verdict.as_deref() {
        Some("reject") => Some(Verdict::Reject),
        Some("hold") => Some(Verdict::Hold),
        Some(other) => {
            bad("verdict", other, "reject, hold");
            None
        }
        None => None,
    };
    if let Some(field) = field.as_deref().filter(|f| !f.is_empty() && !f.starts_with('/')) {
        bad("field", field, "a JSON pointer, or nothing for the whole");
    }
    let decider = match policy.annotation("role") {
        None => Some(Role::LocalAdministrator),
        Some(name) => {
            let role = Role::VARIANTS.iter().find(|r| <&str>::from(**r) == name);
            if role.is_none() {
                bad("role", name, "a role of the unit's accounts");
            }
            role.copied()
        }
    };
    let id = id?;
    if !is_plain_id(&id) {
        errors.rule(path, text, &id, PackProblem::BadId(self::shown(&id)));
    }
    let rule = Rule {
        line: line_with(text, &format!("@id(\"{id}\")")).unwrap_or(1),
        clause: clause?,
        verdict: verdict?,
        role: decider?,
        field: field?,
        message: message?,
        remedy: remedy?,
    };
    Some((id, rule))
}

/// Strict validation: a rule that could err, or never apply, is refused.
fn validate(
    reader: &Reader<'_>,
    (path, text): (&str, &str),
    sound: &[(Policy, String, Rule)],
    errors: &mut Errors,
) {
    let mut set = Cedar::new();
    for (policy, id, _) in sound {
        if let Err(e) = set.add(policy.clone()) {
            errors.rule(path, text, id, PackProblem::Schema(e.to_string()));
        }
    }
    let result = Validator::new(reader.schema.clone()).validate(&set, ValidationMode::Strict);
    let found = result
        .validation_errors()
        .map(|e| (e.policy_id().to_string(), e.to_string()))
        .chain(result.validation_warnings().map(|w| (w.policy_id().to_string(), w.to_string())));
    for (id, message) in found {
        errors.rule(path, text, &id, PackProblem::Schema(message));
    }
}

/// The rules of each gate, each set with core's permit.
fn by_gate(
    reader: &Reader<'_>,
    (path, text): (&str, &str),
    sound: Vec<(Policy, String, Rule)>,
    errors: &mut Errors,
) -> BTreeMap<Gate, GateRules> {
    let mut gates = BTreeMap::new();
    for (policy, id, rule) in sound {
        let unscoped = policy.principal_constraint() == PrincipalConstraint::Any
            && policy.resource_constraint() == ResourceConstraint::Any;
        let Some(asked) = gates_of(&policy).filter(|_| unscoped) else {
            let problem = PackProblem::Scope(
                "name gates in the action, and leave principal and resource open",
            );
            errors.rule(path, text, &id, problem);
            continue;
        };
        for gate in asked {
            let entry = gates.entry(gate).or_insert_with(|| GateRules {
                cedar: Cedar::from_policies(reader.permit.cloned()).unwrap_or_default(),
                rules: BTreeMap::new(),
            });
            if let Err(e) = entry.cedar.add(policy.clone()) {
                errors.rule(path, text, &id, PackProblem::Schema(e.to_string()));
            }
            entry.rules.insert(id.clone(), rule.clone());
        }
    }
    gates
}

/// The gates that a rule names; `None` where one of them is no gate.
fn gates_of(policy: &Policy) -> Option<BTreeSet<Gate>> {
    let gate = |name: &str| Gate::VARIANTS.iter().copied().find(|g| g.as_str() == name);
    match policy.action_constraint() {
        ActionConstraint::Any => Some(Gate::VARIANTS.iter().copied().collect()),
        ActionConstraint::Eq(action) => gate(action.id().unescaped()).map(|g| BTreeSet::from([g])),
        ActionConstraint::In(actions) => actions.iter().map(|a| gate(a.id().unescaped())).collect(),
    }
}

/// Every rule cites a clause of its pack, and that clause names the rule.
pub(super) fn citations(path: &str, parts: &Parts<'_>, errors: &mut Errors) {
    let text = parts.rules_text;
    for (id, rule) in parts.gates.values().flat_map(|g| &g.rules) {
        match parts.clauses.get(&rule.clause) {
            None => {
                let problem = PackProblem::UnknownClause(rule.clause.clone());
                errors.rule(path, text, id, problem);
            }
            Some(clause) if !clause.by.contains(id) => {
                let problem = PackProblem::RuleUnlisted(rule.clause.clone());
                errors.rule(path, text, id, problem);
            }
            Some(_) => {}
        }
    }
}

/// Every clause has an answer that leads somewhere.
pub(super) fn answers((path, text): (&str, &str), parts: &Parts<'_>, errors: &mut Errors) {
    let rules: BTreeSet<&String> = parts.gates.values().flat_map(|g| g.rules.keys()).collect();
    for clause in parts.clauses.values() {
        let why = match clause.answer {
            Answer::Rule => by_each(clause, "rule", |by| rules.contains(by)),
            Answer::Statement => {
                by_each(clause, "statement", |by| parts.statements.contains_key(by))
            }
            Answer::Planned => planned(clause),
            Answer::Field
            | Answer::Duty
            | Answer::Attest
            | Answer::Display
            | Answer::Config
            | Answer::Definition
            | Answer::Engine
            | Answer::NotApplicable => by_each(clause, "place", |by| !by.trim().is_empty()),
        };
        let why = why.or_else(|| untested(clause));
        if let Some(why) = why {
            let line = line_with(text, &format!("id = \"{}\"", clause.id));
            let clause = clause.id.clone();
            errors.at(path, line, PackProblem::Unanswered { clause, why });
        }
    }
}

fn by_each(clause: &Clause, what: &str, known: impl Fn(&String) -> bool) -> Option<String> {
    if clause.by.is_empty() {
        return Some(format!("`by` names no {what}"));
    }
    let unknown = clause.by.iter().find(|by| !known(by))?;
    Some(format!("`by` names `{unknown}`, and there is no such {what}"))
}

fn planned(clause: &Clause) -> Option<String> {
    let known = clause.part.as_deref().is_some_and(|p| PARTS.contains(&p));
    (!known).then(|| format!("`part` must be one of {}", PARTS.join(", ")))
}

/// An answer that is given is proven by a test.
fn untested(clause: &Clause) -> Option<String> {
    let tested = clause.test.as_deref().is_some_and(|t| !t.trim().is_empty());
    (clause.answer != Answer::Planned && !tested).then(|| "`test` names no test".to_owned())
}
