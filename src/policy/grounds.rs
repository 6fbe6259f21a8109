//! Which clauses forbid a search that rests on a protected ground alone, read from the rules themselves.

use std::collections::BTreeSet;

use cedar_policy::PolicyId;
use serde::Serialize;
use serde_json::Value;

use super::engine::PolicySet;
use super::gate::Gate;
use super::pack::GateRules;
use crate::domain::PackId;
use crate::domain::form::Basis;

/// Where the form declares its grounds.
const FIELD: &str = "/basis";

/// A ground of the form, and who wants it declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroundView {
    /// Its name in the form.
    pub ground: &'static str,
    /// The clauses under which no search rests on it.
    pub clauses: Vec<String>,
}

impl PolicySet {
    /// Every ground with the clauses of these packs and of `core` that demand its declaration: the union of all policies
    /// in force, in the form's order.
    pub fn grounds(&self, packs: &[PackId]) -> Vec<GroundView> {
        let names: Vec<&'static str> = Basis::default().grounds().map(|(name, _)| name).collect();
        let rules: Vec<(&str, BTreeSet<&'static str>)> =
            self.asked(packs, Gate::Submit).flat_map(|(_, rules)| of_pack(rules, &names)).collect();
        let view = |ground: &'static str| {
            let demand = rules.iter().filter(|(_, grounds)| grounds.contains(ground));
            let clauses: BTreeSet<String> =
                demand.map(|(clause, _)| (*clause).to_owned()).collect();
            GroundView { ground, clauses: clauses.into_iter().collect() }
        };
        names.iter().copied().map(view).collect()
    }
}

/// The clauses of the rules that look at the declaration, each with its grounds. A rule that names none means them all.
fn of_pack<'r>(
    rules: &'r GateRules,
    names: &[&'static str],
) -> Vec<(&'r str, BTreeSet<&'static str>)> {
    let about = rules.rules.iter().filter(|(_, rule)| rule.field.starts_with(FIELD));
    about
        .map(|(id, rule)| {
            let policy = rules.cedar.policy(&PolicyId::new(id));
            let written = policy.and_then(|policy| policy.to_json().ok()).unwrap_or_default();
            let mut texts = BTreeSet::new();
            collect(&written, &mut texts);
            let mut grounds: BTreeSet<&'static str> = names.iter().copied().collect();
            if grounds.iter().any(|name| texts.contains(name)) {
                grounds.retain(|name| texts.contains(name));
            }
            (rule.clause.as_str(), grounds)
        })
        .collect()
}

fn collect<'v>(value: &'v Value, into: &mut BTreeSet<&'v str>) {
    match value {
        Value::String(text) => {
            into.insert(text);
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(members) => members.values().for_each(|member| collect(member, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
