//! Does the table of cases notice when a rule is gone? Each rule is taken out in turn, at each of its gates, in memory, and
//! a row must turn red.

use cedar_policy::PolicyId;

use super::super::words::{self, Lexicon};
use super::*;

/// A row, with its questions built once.
struct Row {
    scenario: &'static Scenario,
    questions: Vec<Facts>,
}

impl Row {
    /// Whether these policies give the verdict and the clauses that the row expects. The names of broken rules are left
    /// out: that a rule which is gone is not named says nothing about what becomes of the request.
    fn is_green(&self, policies: &PolicySet) -> bool {
        let decision = policies.decide_each(&self.scenario.packs, &self.questions);
        decision.verdict() == self.scenario.verdict && found(&decision) == self.scenario.clauses
    }
}

/// The packs without one rule at one gate.
fn without(
    (schema, words): &(Schema, Lexicon),
    pack: &PackId,
    gate: Gate,
    rule: &str,
) -> PolicySet {
    let mut packs: BTreeMap<PackId, Pack> =
        POLICIES.packs().map(|pack| (pack.in_force().pack.clone(), pack.clone())).collect();
    let rules = packs.get_mut(pack).unwrap().gates.get_mut(&gate).unwrap();
    rules.rules.remove(rule).unwrap();
    rules.cedar.remove_static(PolicyId::new(rule)).unwrap();
    let lists = (words.clone(), IdentificationWords::default());
    PolicySet::new(schema.clone(), packs, (lists, String::new())).unwrap()
}

#[test]
fn a_rule_that_is_gone_turns_a_scenario_red() {
    let files = builtin::files();
    let schema = std::str::from_utf8(&files["schema.cedarschema"]).unwrap();
    let (schema, _) = Schema::from_cedarschema_str(schema).unwrap();
    let words = Lexicon::parse(std::str::from_utf8(&files[words::FILE]).unwrap()).unwrap();
    let base = (schema, words);
    let rows: Vec<Row> =
        TABLE.iter().map(|scenario| Row { scenario, questions: scenario.questions() }).collect();
    assert!(
        rows.iter().all(|row| row.is_green(&POLICIES)),
        "the table is red before anything is taken out"
    );

    let rules: Vec<(&PackId, Gate, &str)> = POLICIES
        .packs()
        .flat_map(|pack| pack.rules().map(|(gate, rule, _)| (&pack.in_force().pack, gate, rule)))
        .collect();
    let mut survivors = Vec::new();
    for (count, (pack, gate, rule)) in rules.iter().enumerate() {
        let mutant = without(&base, pack, *gate, rule);
        // Rows that name the rule are the likeliest to turn red.
        let (near, far): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| row.scenario.rules.contains(*rule));
        let red = near.into_iter().chain(far).find(|row| !row.is_green(&mutant));
        let name = format!("{rule} at {}", gate.as_str());
        let by = red.map_or("SURVIVES".to_owned(), |row| format!("`{}`", row.scenario.name));
        println!("{}/{} {name}: {by}", count + 1, rules.len());
        if red.is_none() {
            survivors.push(name);
        }
    }
    println!("{} mutants, {} scenarios, {} survivors", rules.len(), rows.len(), survivors.len());
    assert!(survivors.is_empty(), "no scenario needs {survivors:?}; add a row that does");
}
