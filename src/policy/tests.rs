//! The rules against a table of cases, and the engine against bad packs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use cedar_policy::Schema;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use strum::VariantArray;

use super::facts::{
    Delivery, Destruction, Disclosure, Examination, FormFacts, Reading, Release, ReviewerStanding,
    SecondReview, Standing,
};
use super::identification::IdentificationWords;
use super::*;
use crate::domain::form::Form;
use crate::domain::{Finding, PackId, Role, Verdict};

mod mutants;
mod traps;

const EXAMPLE: &str = include_str!("../../tests/data/forms/search_request.v1.example.json");
const GOOD: &str = include_str!("../../tests/data/policy/good.json");
const BAD_PACKS: &str = include_str!("../../tests/data/policy/bad_packs.toml");
/// Every clause of the source policies: id, pack, lines.
const CLAUSES: &str = include_str!("../../tests/data/policy/clauses.tsv");
/// When the packs are loaded: all are in force by then.
const LOADED: &str = "2026-01-02T00:00:00Z";

static POLICIES: LazyLock<PolicySet> = LazyLock::new(|| builtin::load(at(LOADED)).unwrap());
static TABLE: LazyLock<Vec<Scenario>> =
    LazyLock::new(|| scenarios().into_iter().flat_map(|table| table.scenario).collect());

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    scenario: Vec<Scenario>,
}

/// Every `tests/data/policy/scenarios*.toml`, in the order of their names.
fn scenarios() -> Vec<Table> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/policy"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("scenarios") && path.extension().is_some_and(|e| e == "toml")
        })
        .collect();
    files.sort();
    let read = |path| toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    files.into_iter().map(read).collect()
}

/// Files by path.
type Files = BTreeMap<String, Vec<u8>>;

/// One row: what is changed in the good case, and what answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    gate: String,
    verdict: Verdict,
    clauses: BTreeSet<String>,
    rules: BTreeSet<String>,
    /// Packs in force, the unit's and the agency's.
    #[serde(default = "lacris")]
    packs: Vec<PackId>,
    /// Those of them that bind the agency, not the unit.
    #[serde(default)]
    own: Vec<PackId>,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    /// Statements whose words are other ones than the approved, wherever they stand.
    #[serde(default)]
    altered: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Faults {
    fault: Vec<Fault>,
}

/// A fault in a pack, and what the refusal says of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    file: String,
    from: String,
    to: String,
    says: String,
    rule: Option<String>,
    /// The refusal names a line although no rule is concerned.
    #[serde(default)]
    line: bool,
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn pack(name: &str) -> PackId {
    name.parse().unwrap()
}

fn lacris() -> Vec<PackId> {
    vec![pack("lacris")]
}

/// The words of these packs, as a form affirms them or a document prints them.
fn cited(packs: &[PackId], affirm: bool) -> Value {
    let views = POLICIES.statements(packs).into_iter().filter(|view| view.affirm == affirm);
    views.map(|v| json!({ "statement": v.statement, "text_sha256": v.text_sha256 })).collect()
}

/// A case in which nothing is wrong, at every gate.
fn good() -> Value {
    good_under(&lacris(), &[])
}

/// The same under these packs, of which `own` bind the agency.
fn good_under(packs: &[PackId], own: &[PackId]) -> Value {
    let of_unit: Vec<PackId> = packs.iter().filter(|id| !own.contains(id)).cloned().collect();
    let mut case: Value = serde_json::from_str(GOOD).unwrap();
    case["form"] = serde_json::from_str(EXAMPLE).unwrap();
    case["standing"]["service"]["words"] = json!(POLICIES.words());
    case["form"]["affirmations"] = cited(packs, true);
    case["standing"]["agency"]["packs"] = json!(own);
    case["reviewer"]["unit_packs"] = json!(of_unit);
    case["standing"]["service"]["packs"] = json!(of_unit);
    case["release"]["unit_packs"] = json!(of_unit);
    case["reading"]["unit_packs"] = json!(of_unit);
    case["disclosure"]["unit_packs"] = json!(of_unit);
    case["release"]["printed"] = cited(&of_unit, false);
    case
}

fn read<T: serde::de::DeserializeOwned>(case: &Value, name: &str) -> T {
    serde_json::from_value(case[name].clone()).unwrap()
}

/// The questions of a case at a gate, or of a whole form.
fn questions(case: &Value, gate: &str) -> Vec<Facts> {
    let now = at(case["now"].as_str().unwrap());
    let standing: Standing = read(case, "standing");
    let reviewer: ReviewerStanding = read(case, "reviewer");
    let form: Form = read(case, "form");
    let (agency, unit) = (&standing.agency, &standing.service.unit);
    match gate {
        "form" => {
            let FormFacts { submit, probes } = facts::form(&form, &standing, now);
            std::iter::once(submit).chain(probes).collect()
        }
        "dispatch" => vec![facts::dispatch(&form, &standing, now)],
        "lease" => vec![facts::lease(&reviewer, now)],
        "conclude" => {
            let examination: Examination = read(case, "examination");
            vec![facts::conclude(&reviewer, &examination, &standing.service, now)]
        }
        "second_review" => {
            let review: SecondReview = read(case, "second_review");
            vec![facts::second_review(&reviewer, review, now)]
        }
        "release" => {
            let release: Release = read(case, "release");
            vec![facts::release(&release, agency, unit, now)]
        }
        "deliver" => {
            let delivery: Delivery = read(case, "delivery");
            vec![facts::deliver(&delivery, agency, unit, now)]
        }
        "read" => vec![facts::read(&read::<Reading>(case, "reading"))],
        "disclose" => {
            let disclosure: Disclosure = read(case, "disclosure");
            vec![facts::disclose(&disclosure, agency, unit, now)]
        }
        "destroy" => vec![facts::destroy(&read::<Destruction>(case, "destruction"))],
        other => panic!("{other}"),
    }
}

impl Scenario {
    fn questions(&self) -> Vec<Facts> {
        let mut case = good_under(&self.packs, &self.own);
        for (pointer, value) in &self.set {
            put(&mut case, pointer, Some(value.clone()));
        }
        for pointer in &self.remove {
            put(&mut case, pointer, None);
        }
        for place in ["/form/affirmations", "/release/printed"] {
            for words in case.pointer_mut(place).unwrap().as_array_mut().unwrap() {
                if self.altered.contains(words["statement"].as_str().unwrap()) {
                    words["text_sha256"] = json!("0".repeat(64));
                }
            }
        }
        questions(&case, &self.gate)
    }
}

fn put(case: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = case.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    match (parent, value) {
        (Value::Object(object), Some(value)) => drop(object.insert(name.to_owned(), value)),
        (Value::Object(object), None) => drop(object.remove(name).unwrap()),
        (Value::Array(items), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
        (parent, _) => panic!("{pointer}: no place in {parent}"),
    }
}

fn as_form(mut questions: Vec<Facts>) -> FormFacts {
    let probes = questions.split_off(1);
    FormFacts { submit: questions.remove(0), probes }
}

fn found(decision: &PolicyDecision) -> BTreeSet<String> {
    decision.findings().iter().map(|f| f.clause.clone()).collect()
}

// ---- the table

#[test]
fn every_scenario_gives_exactly_its_verdict_its_clauses_and_its_rules() {
    let mut wrong = Vec::new();
    for row in TABLE.iter() {
        let questions = row.questions();
        let broken: BTreeSet<String> = questions
            .iter()
            .flat_map(|facts| POLICIES.explain(&row.packs, facts))
            .filter(|line| line.verdict != Verdict::Accept)
            .map(|line| line.rule)
            .collect();
        let decision = POLICIES.decide_form(&row.packs, &as_form(questions));
        let is = (decision.verdict(), found(&decision), broken);
        let should = (row.verdict, row.clauses.clone(), row.rules.clone());
        if is != should {
            wrong.push(format!("{}:\n  is     {is:?}\n  should {should:?}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_kept_by_one_row_and_broken_by_another() {
    let (mut kept, mut broken) = (BTreeSet::new(), BTreeSet::new());
    let lines = TABLE.iter().flat_map(|row| {
        let questions = row.questions();
        questions.into_iter().flat_map(|facts| POLICIES.explain(&row.packs, &facts))
    });
    for line in lines {
        match line.verdict {
            Verdict::Accept => kept.insert(line.rule),
            Verdict::Hold | Verdict::Reject => broken.insert(line.rule),
        };
    }
    let all: BTreeSet<String> =
        POLICIES.packs().flat_map(Pack::rules).map(|(_, rule, _)| rule.to_owned()).collect();
    assert!(all.len() > 80, "{}", all.len());
    assert_eq!(broken, all);
    // A rule without a condition can only be broken.
    let gates = POLICIES.packs().flat_map(|pack| pack.gates.values());
    let conditional = gates
        .flat_map(|gate| gate.cedar.policies())
        .filter(|policy| policy.has_non_scope_constraint())
        .map(|policy| policy.id().to_string())
        .collect();
    assert_eq!(kept, conditional);
}

#[test]
fn a_form_of_three_images_is_decided_as_one_and_findings_point_at_their_image() {
    let mut case = good();
    let image = case["form"]["images"][0].clone();
    case["form"]["images"] = json!([image, image, image]);
    case["form"]["images_attached"] = json!(3);
    let decision = POLICIES.decide_form(&lacris(), &as_form(questions(&case, "form")));
    assert_eq!(decision.verdict(), Verdict::Accept);
    assert_eq!(decision.gates(), &BTreeSet::from([Gate::Submit, Gate::UseProbe]));
    assert!(decision.deciders().is_empty());
    for asked in ["LACRIS-REQ-2", "LACRIS-INV-1", "CORE-EVIDENCE", "CORE-AGREEMENT"] {
        assert!(decision.clauses().contains(asked), "{asked}");
    }
    assert_eq!(decision.packs().len(), 2);
    let proof = decision.clone().accepted().unwrap();
    assert_eq!(proof.decision(), &decision);

    case["form"]["images"][2]["media_type"] = json!("image/heic");
    case["form"]["images"][1]["source"]["legal_basis"] = json!("subpoena");
    let decision = POLICIES.decide_form(&lacris(), &as_form(questions(&case, "form")));
    let fields: Vec<&str> = decision.findings().iter().map(|f| f.field.as_str()).collect();
    let warrant = "/images/1/source/warrant_number";
    assert_eq!(fields, [warrant, "/images/2/media_type", warrant]);
    assert_eq!(decision.verdict(), Verdict::Reject);
    assert_eq!(decision.deciders(), &BTreeSet::from([Role::LocalAdministrator]));
    assert!(decision.accepted().is_err());
    let form: Form = read(&case, "form");
    let standing: Standing = read(&case, "standing");
    let now = at("2024-05-03T16:12:11Z");
    let all = facts::form(&form, &standing, now);
    assert_eq!(all.submit, facts::submit(&form, &standing, now));
    assert_eq!(Some(&all.probes[2]), facts::probe(&form, 2, &standing, now).as_ref());
    assert_eq!(facts::probe(&form, 3, &standing, now), None);
}

#[test]
fn facts_hold_no_personal_data() {
    let case = good();
    for gate in ["form", "dispatch", "lease", "conclude", "second_review", "release", "deliver"] {
        let text = format!("{:?}", questions(&case, gate));
        for personal in ["Jordan", "jsample", "24-001873", "Assault", "owner, 5th", "+1213"] {
            assert!(!text.contains(personal), "{gate}: {personal}");
        }
    }
}

// ---- what cannot be answered is refused

/// The built-in files, with a further pack `extra` of the given rules, each for clause `X-1`.
fn with_extra(rules: &[(&str, &str)]) -> Files {
    let mut files = builtin::files();
    let ids: Vec<String> = rules.iter().map(|(id, _)| format!("{id:?}")).collect();
    let mut cedar = String::new();
    for (id, rule) in rules {
        let head = format!("@id(\"{id}\")\n@clause(\"X-1\")\n@verdict(\"reject\")\n");
        cedar += &(head + "@field(\"\")\n@message(\"m\")\n@remedy(\"r\")\n" + rule + "\n");
    }
    let clauses = format!(
        "[[clause]]\nid = \"X-1\"\nforce = \"must\"\ntext = \"t\"\nanswer = \"rule\"\n\
         by = [{}]\ntest = \"t\"\n",
        ids.join(", ")
    );
    let manifest = "id = \"extra\"\ntitle = \"t\"\nissuer = \"i\"\nnumber = \"1\"\n\
                    effective = 2024-01-01\n";
    for (name, text) in
        [("pack.toml", manifest), ("clauses.toml", &clauses), ("rules.cedar", &cedar)]
    {
        files.insert(format!("extra/{name}"), text.as_bytes().to_vec());
    }
    files
}

fn load(files: &Files) -> Result<PolicySet, Vec<PackError>> {
    PolicySet::load(files, at(LOADED))
}

#[test]
fn an_evaluation_error_rejects() {
    let overflow = "forbid (principal, action == Action::\"submit\", resource)\n\
                    when { context.form.images + 9223372036854775807 < 0 };";
    let policies = load(&with_extra(&[("x-overflow", overflow)])).unwrap();
    let facts = as_form(questions(&good(), "form"));
    let decision = policies.decide_form(&[pack("extra")], &facts);
    assert_eq!(decision.verdict(), Verdict::Reject);
    assert_eq!(found(&decision), BTreeSet::from(["CORE-EVALUATION".to_owned()]));
    assert!(decision.findings()[0].message.contains("`extra`"));
    let lines = policies.explain(&[pack("extra")], &facts.submit);
    let erred = lines.iter().find(|l| l.rule == "x-overflow").unwrap();
    assert_eq!((erred.verdict, erred.failed), (Verdict::Reject, true));
    let others = lines.iter().filter(|l| l.rule != "x-overflow");
    assert!(others.into_iter().all(|l| l.verdict == Verdict::Accept));
    let fine = policies.decide_form(&[], &facts);
    assert_eq!(fine.verdict(), Verdict::Accept);
}

#[test]
fn facts_that_do_not_fit_the_schema_reject() {
    let mut facts = questions(&good(), "lease").remove(0);
    facts.values.0.clear();
    let decision = POLICIES.decide(&lacris(), &facts);
    assert_eq!(decision.verdict(), Verdict::Reject);
    assert_eq!(found(&decision), BTreeSet::from(["CORE-EVALUATION".to_owned()]));
}

#[test]
fn a_gate_at_which_no_rule_is_asked_rejects() {
    let files = builtin::files();
    let schema = std::str::from_utf8(&files["schema.cedarschema"]).unwrap();
    let (schema, _) = Schema::from_cedarschema_str(schema).unwrap();
    for gate in Gate::VARIANTS {
        let mut packs: BTreeMap<PackId, Pack> =
            POLICIES.packs().map(|pack| (pack.in_force().pack.clone(), pack.clone())).collect();
        for pack in packs.values_mut() {
            pack.gates.remove(gate);
        }
        let lists = (POLICIES.words().clone(), IdentificationWords::default());
        let without = PolicySet::new(schema.clone(), packs, (lists, String::new())).unwrap();
        let mut facts = questions(&good(), "lease").remove(0);
        facts.gate = *gate;
        let decision = without.decide(&lacris(), &facts);
        assert_eq!(found(&decision), BTreeSet::from(["CORE-EVALUATION".to_owned()]), "{gate:?}");
        assert!(!decision.clauses().is_empty());
    }
}

#[test]
fn a_pack_that_is_not_loaded_rejects() {
    let facts = as_form(questions(&good(), "form"));
    let decision = POLICIES.decide_form(&[pack("lacris"), pack("absent")], &facts);
    assert_eq!(decision.verdict(), Verdict::Reject);
    assert_eq!(found(&decision), BTreeSet::from(["CORE-PACK".to_owned()]));
}

#[test]
fn every_gate_is_an_action_of_the_schema() {
    let facts = questions(&good(), "lease").remove(0);
    let rule = "forbid (principal, action, resource) when { principal == resource };";
    // Strict validation knows that a broker is never a request, so the rule is refused by name.
    let errors = load(&with_extra(&[("x-all", rule)])).unwrap_err();
    assert_eq!(errors[0].rule.as_deref(), Some("x-all"));
    for gate in Gate::VARIANTS {
        let rule =
            format!("forbid (principal, action == Action::\"{}\", resource);", gate.as_str());
        let policies = load(&with_extra(&[("x-gate", &rule)])).unwrap();
        let mut facts = facts.clone();
        facts.gate = *gate;
        assert_eq!(
            policies
                .explain(&[pack("extra")], &facts)
                .iter()
                .filter(|l| l.rule == "x-gate")
                .count(),
            1
        );
    }
}

/// Packs that may be in force together; one of them is not loaded.
const NAMES: [&str; 10] = [
    "core",
    "lacris",
    "oxnard",
    "albuquerque",
    "state-example",
    "ban-example",
    "sacramento-fr",
    "sacramento-ai",
    "extra",
    "absent",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_further_pack_never_loosens(
        row in 0..TABLE.len(),
        first in proptest::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len()),
        further in proptest::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len()),
    ) {
        static MORE: LazyLock<PolicySet> = LazyLock::new(|| {
            let odd = "forbid (principal, action in [Action::\"submit\", Action::\"dispatch\"], resource)\n\
                       when { context.form.setting == \"investigation\" };";
            load(&with_extra(&[("x-odd", odd)])).unwrap()
        });
        let facts = as_form(TABLE[row].questions());
        let few: Vec<PackId> = first.iter().map(|n| pack(n)).collect();
        let many: Vec<PackId> = first.iter().chain(&further).map(|n| pack(n)).collect();
        let (few, many) = (MORE.decide_form(&few, &facts), MORE.decide_form(&many, &facts));
        prop_assert!(many.verdict() >= few.verdict());
        // The words of a message may name the further pack's clauses; the finding itself stands.
        let stands = |f: &Finding| {
            let same = |m: &&Finding| (&m.clause, &m.pack, &m.field) == (&f.clause, &f.pack, &f.field);
            many.findings().iter().find(same).is_some_and(|m| m.verdict == f.verdict)
        };
        prop_assert!(few.findings().iter().all(stands));
        prop_assert!(few.clauses().is_subset(many.clauses()));
        prop_assert!(!few.clauses().is_empty());
        let mut sorted = many.findings().to_vec();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(sorted.as_slice(), many.findings());
    }
}

// ---- bad packs

/// The built-in files with one text replaced in one file.
fn spoilt(path: &str, from: &str, to: &str) -> Vec<PackError> {
    let mut files = builtin::files();
    let text = String::from_utf8(files[path].clone()).unwrap();
    assert!(text.contains(from), "{path} holds no {from}");
    files.insert(path.to_owned(), text.replacen(from, to, 1).into_bytes());
    load(&files).unwrap_err()
}

#[test]
fn a_placeholder_is_refused() {
    for (path, from, to) in [
        ("lacris/pack.toml", "SAMPLE-600", "XXX"),
        ("lacris/pack.toml", "Sample Regional Unit", "[Insert agency name here]"),
        ("lacris/statements/no-match.txt", "The ", "[insert agency name here] "),
        ("lacris/statements/footer.txt", "facial-recognition@unit.example.gov", "(insert email)"),
    ] {
        let (from, to) =
            if path.ends_with("no-match.txt") { ("Sample Regional Unit", to) } else { (from, to) };
        let errors = spoilt(path, from, to);
        let placeholder =
            errors.iter().find(|e| matches!(e.problem, PackProblem::Placeholder(_))).unwrap();
        assert_eq!(placeholder.file, path);
        assert!(placeholder.line.is_some());
    }
}

#[test]
fn every_kind_of_bad_pack_is_refused_by_file_and_rule() {
    let faults = toml::from_str::<Faults>(BAD_PACKS).unwrap().fault;
    assert!(faults.len() >= 20);
    for fault in faults {
        let errors = spoilt(&fault.file, &fault.from, &fault.to);
        let hit = errors.iter().find(|e| {
            e.file == fault.file && e.rule == fault.rule && e.to_string().contains(&fault.says)
        });
        let hit = hit.unwrap_or_else(|| panic!("{}: {errors:#?}", fault.to));
        assert!(hit.line.is_some() || (hit.rule.is_none() && !fault.line), "{hit}");
    }
}

#[test]
fn files_that_are_missing_or_unknown_or_altered_are_refused() {
    let problem = |change: &dyn Fn(&mut Files)| {
        let mut files = builtin::files();
        change(&mut files);
        let errors = load(&files).unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let put = |files: &mut Files, path: &str, bytes: &[u8]| {
        files.insert(path.to_owned(), bytes.to_vec());
    };
    for path in builtin::files().keys() {
        let text = problem(&|files| drop(files.remove(path)));
        assert!(text.contains(path.as_str()), "{path}: {text}");
    }
    let text = problem(&|files| files.retain(|path, _| !path.starts_with("core/")));
    assert!(text.contains("always in force"), "{text}");
    let text = problem(&|files| put(files, "lacris/statements/lead-only.txt", b"We know.\n"));
    assert!(text.contains("SHA-256"), "{text}");
    let text = problem(&|files| put(files, "lacris/statements/lead-only.published.txt", b"x"));
    assert!(text.contains("SHA-256"), "{text}");
    for path in ["notes.txt", "lacris/notes.txt", "lacris/statements/more.txt"] {
        let text = problem(&|files| put(files, path, b"x"));
        assert!(text.contains(path), "{text}");
    }
    let text = problem(&|files| put(files, "schema.cedarschema", b"entity"));
    assert!(text.contains("schema.cedarschema"), "{text}");
    let text = problem(&|files| put(files, "core/rules.cedar", b"\xff"));
    assert!(text.contains("UTF-8"), "{text}");
}

#[test]
fn all_errors_of_a_pack_come_at_once() {
    let mut files = builtin::files();
    let rules = String::from_utf8(files["lacris/rules.cedar"].clone()).unwrap();
    let rules = rules.replacen("@remedy(", "@note(", 1).replacen(
        "context.form.predictive_analysis",
        "context.form.predictive",
        1,
    );
    files.insert("lacris/rules.cedar".to_owned(), rules.into_bytes());
    files.insert("lacris/statements/seal.txt".to_owned(), b"x".to_vec());
    let errors = load(&files).unwrap_err();
    assert!(errors.len() >= 3, "{errors:#?}");
}

// ---- clauses and statements

#[test]
fn the_catalogue_is_complete_and_every_proof_exists() {
    let lacris = POLICIES.pack(&pack("lacris")).unwrap();
    assert_eq!(lacris.clauses().len(), 90);
    let mut sources = String::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut sources);
    let names: BTreeSet<&String> = TABLE.iter().map(|row| &row.name).collect();
    assert_eq!(names.len(), TABLE.len(), "two rows have one name");
    for pack in POLICIES.packs() {
        for clause in pack.clauses().values() {
            let Some(test) = &clause.test else { continue };
            match test.strip_prefix("scenario ") {
                None => assert!(sources.contains(&format!("fn {test}()")), "{test}"),
                Some(name) => {
                    let row = TABLE.iter().find(|row| row.name == name).unwrap();
                    let proves = if clause.answer == Answer::Rule {
                        row.rules.iter().any(|rule| clause.by.contains(rule))
                    } else {
                        row.verdict != Verdict::Accept
                    };
                    assert!(proves, "{}: {name}", clause.id);
                }
            }
        }
        for (_, rule, clause) in pack.rules() {
            assert!(pack.clauses()[clause].by.iter().any(|by| by == rule), "{rule}");
        }
    }
}

#[test]
fn the_packs_hold_exactly_the_clauses_of_their_sources() {
    let mut sources = BTreeMap::<&str, BTreeMap<&str, &str>>::new();
    for line in CLAUSES.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, pack, lines] = fields[..] else { panic!("{line}") };
        sources.entry(pack).or_default().insert(id, lines);
    }
    assert_eq!(sources.values().map(BTreeMap::len).sum::<usize>(), 224);
    for pack in POLICIES.packs() {
        // Packs without a source state rules of their own.
        let Some(source) = sources.get(pack.in_force().pack.as_str()) else { continue };
        let clauses = pack.clauses().iter();
        let held: BTreeMap<&str, &str> =
            clauses.map(|(id, clause)| (id.as_str(), clause.lines.as_str())).collect();
        assert_eq!(&held, source, "{}", pack.title());
    }
}

fn collect(dir: &Path, into: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_embedded_files_are_those_of_the_directory() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/policies"));
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    assert_eq!(found, builtin::files());
}

#[test]
fn statements_are_shown_with_their_hash() {
    let shown = POLICIES.statements(&lacris());
    assert_eq!(shown.len(), 12);
    let affirmed: Vec<&str> =
        shown.iter().filter(|s| s.affirm).map(|s| s.statement.as_str()).collect();
    assert_eq!(affirmed, ["lacris/adherence", "lacris/lead-only"]);
    for view in &shown {
        let digest = hex::encode(openssl::sha::sha256(view.text.as_bytes()));
        assert_eq!(view.text_sha256, digest);
        assert!(!view.text.ends_with('\n'));
        assert!(!view.clauses.is_empty());
    }
    assert!(POLICIES.statements(&[]).is_empty());
    let lead_only = POLICIES.statement(&pack("lacris"), "lead-only").unwrap();
    assert!(lead_only.text.starts_with("Our agency understands that any results"));
    assert_eq!(POLICIES.statement(&pack("lacris"), "absent"), None);
    let footer = &POLICIES.pack(&pack("lacris")).unwrap().statements()["footer"];
    assert!(footer.text.contains("posted within public view"));
    assert!(footer.published.as_ref().unwrap().contains("posed within public view"));
    let json = serde_json::to_value(&lead_only).unwrap();
    let members: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["statement", "text", "text_sha256", "clauses"]));
}

#[test]
fn each_protected_ground_names_exactly_the_clauses_that_refuse_it() {
    let policies = ["lacris", "sacramento-fr", "sacramento-ai", "oxnard", "albuquerque"].map(pack);
    let mut demanded = 0;
    for packs in policies.iter().map(std::slice::from_ref).chain([&policies[..]]) {
        let refuse =
            |case: &Value| found(&POLICIES.decide_form(packs, &as_form(questions(case, "form"))));
        let before = refuse(&good_under(packs, &[]));
        let views = POLICIES.grounds(packs);
        assert_eq!(views.len(), 14);
        for view in views {
            let mut case = good_under(packs, &[]);
            put(&mut case, &format!("/form/basis/{}", view.ground), Some(json!(true)));
            let more: Vec<String> = refuse(&case).difference(&before).cloned().collect();
            assert_eq!(view.clauses, more, "{} under {packs:?}", view.ground);
            assert!(view.clauses.contains(&"CORE-BASIS".to_owned()), "{}", view.ground);
            demanded += view.clauses.len();
        }
    }
    assert!(demanded > 6 * 14, "the policies demand more than core does");
}

#[test]
fn a_clause_is_found_by_its_id() {
    let clause = POLICIES.clause("LACRIS-DEF-6").unwrap();
    assert_eq!(clause.answer, Answer::Definition);
    assert_eq!(clause.lines, "34");
    assert!(POLICIES.clause("CORE-BLIND").is_some());
    assert!(POLICIES.clause("LACRIS-NONE").is_none());
}

#[test]
fn the_built_in_packs_say_what_they_are() {
    let lacris = POLICIES.pack(&pack("lacris")).unwrap();
    assert_eq!(lacris.title(), "Facial Recognition Policy");
    assert!(lacris.issuer().contains("Los Angeles County Regional Identification System"));
    assert_eq!(lacris.number(), "SAMPLE-600");
    assert_eq!(lacris.effective().unwrap().to_string(), "2024-01-01");
    assert!(lacris.review_due().is_some());
    assert_eq!(lacris.source_sha256().map(str::len), Some(64));
}

#[test]
fn a_changed_pack_has_another_digest() {
    let before = POLICIES.pack(&pack("lacris")).unwrap().in_force().clone();
    let mut files = builtin::files();
    files.get_mut("lacris/rules.cedar").unwrap().extend_from_slice(b"\n// note\n");
    let after = load(&files).unwrap();
    let after = after.pack(&pack("lacris")).unwrap().in_force();
    assert_eq!(before.pack, after.pack);
    assert_ne!(before.sha256, after.sha256);
}

#[test]
fn an_explanation_names_rule_clause_and_words() {
    let mut case = good();
    case["form"]["predictive_analysis"] = json!(true);
    let lines = POLICIES.explain(&lacris(), &questions(&case, "form")[0]);
    let line = lines.iter().find(|l| l.rule == "lacris-pro-3").unwrap();
    assert_eq!(
        serde_json::to_value(line).unwrap(),
        json!({
            "pack": "lacris", "rule": "lacris-pro-3", "gate": "submit", "clause": "LACRIS-PRO-3",
            "clause_text": "No predictive analysis (no exception)",
            "clause_lines": "44", "verdict": "reject", "failed": false,
            "field": "/predictive_analysis",
            "message": "facial recognition is not used for predictive analysis",
            "remedy": "withdraw the request; the policy knows no exception", "place": line.place,
        })
    );
    // Each rule leads to its own line, and a clause to the lines of its source.
    for line in &lines {
        let (file, number) = line.place.split_once(':').unwrap();
        let text = String::from_utf8(builtin::files()[file].clone()).unwrap();
        let there = text.lines().nth(number.parse::<usize>().unwrap() - 1).unwrap();
        assert_eq!(there, format!("@id(\"{}\")", line.rule));
        assert_eq!(line.clause_lines.is_empty(), line.pack == pack("core"), "{}", line.clause);
    }
    let kept = lines.iter().filter(|l| l.verdict == Verdict::Accept).count();
    assert_eq!(kept, lines.len() - 2);
}

#[test]
fn texts_are_written_for_people() {
    for (pack, lines) in POLICIES.packs().map(|p| {
        let rules = p.gates.values().flat_map(|g| g.rules.values());
        (p, rules.flat_map(|r| [&r.message, &r.remedy]).collect::<Vec<_>>())
    }) {
        for text in lines {
            let first = text.split(' ').next().unwrap();
            let name = first.chars().filter(|c| c.is_uppercase()).count() > 1;
            assert!(!text.ends_with('.'), "{}: {text}", pack.title());
            assert!(name || !first.starts_with(char::is_uppercase), "{text}");
            assert!(!text.to_lowercase().contains("identified"), "{text}");
        }
    }
}
