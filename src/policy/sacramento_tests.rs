//! What the two orders of Sacramento say of themselves. Their rules are proven by
//! `tests/data/policy/scenarios_sacramento.toml`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use strum::VariantArray as _;

use super::*;
use crate::domain::form::PurposeKind;
use crate::domain::{Outcome, PackId};

static POLICIES: LazyLock<PolicySet> =
    LazyLock::new(|| builtin::load("2026-01-02T00:00:00Z".parse().unwrap()).unwrap());

fn id(name: &str) -> PackId {
    name.parse().unwrap()
}

fn pack(name: &str) -> &'static Pack {
    POLICIES.pack(&id(name)).unwrap()
}

#[test]
fn the_sacramento_packs_say_what_they_are() {
    let ai = pack("sacramento-ai");
    assert_eq!((ai.title(), ai.number()), ("Artificial Intelligence Usage", "GO 390.01"));
    assert_eq!(ai.issuer(), "Sacramento Police Department");
    assert_eq!(ai.effective().unwrap().to_string(), "2025-09-30");
    let fr = pack("sacramento-fr");
    // Its text has neither number nor date; the other order names the number (SPD-AI-D3).
    assert_eq!(fr.number(), "GO 375.01");
    assert!(POLICIES.clause("SPD-AI-D3").unwrap().text.contains("375.01"));
    assert_eq!((fr.effective(), fr.review_due()), (None, None));
    assert_eq!(fr.missing(), &BTreeSet::from([Stated::Effective, Stated::ReviewDue]));
    assert_eq!(ai.missing(), &BTreeSet::from([Stated::ReviewDue]));
    for pack in [fr, ai] {
        assert_eq!(pack.source_sha256().map(str::len), Some(64));
        assert_eq!(pack.in_force().sha256.len(), 64);
    }
}

#[test]
fn an_order_is_not_in_force_before_its_date() {
    let errors = builtin::load("2025-09-29T23:59:59Z".parse().unwrap()).unwrap_err();
    let early = PackProblem::NotYetEffective("2025-09-30".to_owned());
    assert!(errors.iter().any(|e| e.file == "sacramento-ai/pack.toml" && e.problem == early));
    assert!(builtin::load("2025-09-30T00:00:00Z".parse().unwrap()).is_ok());
}

#[test]
fn the_sacramento_statements_are_shown_with_their_hash() {
    let packs = [id("sacramento-fr"), id("sacramento-ai")];
    let shown = POLICIES.statements(&packs);
    let affirmed: Vec<&str> =
        shown.iter().filter(|s| s.affirm).map(|s| s.statement.as_str()).collect();
    assert_eq!(
        affirmed,
        [
            "sacramento-ai/ai-use",
            "sacramento-ai/perceptive-lead-only",
            "sacramento-fr/adherence",
            "sacramento-fr/lead-only",
        ]
    );
    for view in &shown {
        let digest = hex::encode(openssl::sha::sha256(view.text.as_bytes()));
        assert_eq!(view.text_sha256, digest);
        assert!(!view.clauses.is_empty());
    }
    let text = |pack: &str, name: &str| POLICIES.statement(&id(pack), name).unwrap().text;
    assert!(text("sacramento-fr", "adherence").contains("General Order 375.01"));
    assert!(text("sacramento-ai", "ai-use").contains("General Order 390.01"));
    for clause in ["SPD-FR-PUR", "SPD-AI-PUR", "SPD-AI-POL"] {
        assert!(
            shown.iter().any(|s| s.affirm && s.clauses.iter().any(|c| c == clause)),
            "{clause}"
        );
    }
    // The statements of an agency's own packs come with those of the unit.
    let both = POLICIES.statements(&[id("lacris"), id("sacramento-fr")]);
    assert!(both.iter().any(|s| s.statement == "lacris/lead-only"));
    assert!(both.iter().any(|s| s.statement == "sacramento-fr/lead-only"));
}

#[test]
fn no_outcome_is_an_identification_and_no_purpose_a_prediction() {
    for outcome in Outcome::VARIANTS {
        assert!(!<&str>::from(outcome).contains("identif"), "{outcome:?}");
    }
    // The order names predictive policing and facial recognition side by side (T22).
    assert!(POLICIES.clause("SPD-AI-B1").unwrap().text.contains("predictive policing"));
    for purpose in PurposeKind::VARIANTS {
        assert!(!<&str>::from(purpose).contains("predict"), "{purpose:?}");
    }
}

#[test]
fn a_warrant_may_not_rest_on_a_lead_by_any_statement_of_sacramento() {
    for (pack_name, name) in [
        ("sacramento-fr", "lead-only"),
        ("sacramento-fr", "report-disclaimer"),
        ("sacramento-ai", "perceptive-lead-only"),
    ] {
        let text = &pack(pack_name).statements()[name].text;
        for action in ["detention", "arrest", "identification", "warrant of any kind"] {
            assert!(text.contains(action), "{name}: {action}");
        }
    }
    let lacris = POLICIES.statement(&id("lacris"), "lead-only").unwrap();
    assert!(!lacris.text.contains("warrant"), "so both are affirmed where both are in force");
}

#[test]
fn a_slip_of_the_source_is_kept_as_published_and_corrected_as_approved() {
    let statement = &pack("sacramento-ai").statements()["sensitive-information"];
    assert!(statement.published.as_ref().unwrap().contains("(HIPPA)"));
    assert!(statement.text.contains("(HIPAA)") && !statement.text.contains("HIPPA"));
    let disclaimer = &pack("sacramento-fr").statements()["report-disclaimer"];
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(disclaimer.published.as_ref().unwrap()), words(&disclaimer.text));
}

#[test]
fn a_unit_under_the_orders_has_words_for_every_document() {
    let fr = pack("sacramento-fr");
    for name in [
        "report-disclaimer",
        "lead-viable",
        "no-match",
        "unsuitable",
        "inconclusive",
        "declined",
        "seal",
        "footer",
    ] {
        let text = &fr.statements()[name].text;
        assert!(!text.to_lowercase().contains("identified"), "{name}");
        assert!(!text.to_lowercase().contains("match found"), "{name}");
    }
}

#[test]
fn a_clause_of_sacramento_is_found_by_its_id() {
    let definitions = ["sacramento-fr", "sacramento-ai"]
        .into_iter()
        .flat_map(|name| pack(name).clauses().values())
        .filter(|clause| clause.answer == Answer::Definition);
    let mut count = 0;
    for clause in definitions {
        let found = POLICIES.clause(&clause.id).unwrap();
        assert_eq!((found.force, &found.lines), (Force::Definition, &clause.lines));
        assert!(found.by.iter().all(|by| !by.is_empty()));
        count += 1;
    }
    assert_eq!(count, 11);
}
