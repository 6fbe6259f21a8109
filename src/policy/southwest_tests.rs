//! What the packs of Oxnard and Albuquerque and the invented examples say of themselves.

use std::collections::BTreeSet;

use super::*;
use crate::domain::PackId;

fn policies() -> PolicySet {
    builtin::load("2026-01-02T00:00:00Z".parse().unwrap()).unwrap()
}

fn pack(name: &str) -> PackId {
    name.parse().unwrap()
}

#[test]
fn the_packs_of_the_southwest_say_what_they_are() {
    let policies = policies();
    for (name, clauses, number, effective, review_due) in [
        ("oxnard", 25, "461", "2024-01-01", Some("2027-01-01")),
        ("albuquerque", 29, "SOP 2-110", "2023-04-20", Some("2023-10-20")),
        ("state-example", 7, "EXAMPLE-STATE", "2024-01-01", Some("2027-01-01")),
        ("ban-example", 2, "EXAMPLE-BAN", "2024-01-01", None),
    ] {
        let pack = policies.pack(&pack(name)).unwrap();
        assert_eq!(pack.clauses().len(), clauses, "{name}");
        assert_eq!(
            (pack.number(), pack.effective().unwrap().to_string().as_str()),
            (number, effective)
        );
        assert_eq!(pack.review_due().map(|due| due.to_string()).as_deref(), review_due, "{name}");
        let invented = name.ends_with("-example");
        assert_eq!(pack.source_sha256().is_none(), invented, "{name}");
        assert_eq!(pack.title().contains("(invented)"), invented, "{name}");
        assert_eq!(pack.issuer().contains("example"), invented, "{name}");
        for clause in pack.clauses().values() {
            assert_eq!(clause.lines.is_empty(), invented, "{}", clause.id);
        }
    }
    for (clause, answer) in [
        ("APD-REL", Answer::NotApplicable),
        ("APD-3B", Answer::Definition),
        ("APD-3C", Answer::Definition),
        ("APD-3G1", Answer::Definition),
        ("APD-3H", Answer::Definition),
        ("APD-4D-0", Answer::Display),
        ("EX-STATE-7", Answer::Definition),
    ] {
        assert_eq!(policies.clause(clause).unwrap().answer, answer, "{clause}");
    }
    let waiting: Vec<&str> = ["oxnard", "albuquerque", "state-example", "ban-example"]
        .iter()
        .flat_map(|name| policies.pack(&pack(name)).unwrap().clauses().values())
        .filter(|clause| clause.answer == Answer::Planned)
        .map(|clause| clause.id.as_str())
        .collect();
    assert_eq!(waiting, ["OX-461.3g", "EX-STATE-6"]);
}

#[test]
fn every_pack_shows_the_words_it_wants_affirmed() {
    let policies = policies();
    let affirmed = |name: &str| -> Vec<String> {
        let shown = policies.statements(&[pack(name)]).into_iter();
        shown.filter(|view| view.affirm).map(|view| view.statement).collect()
    };
    assert_eq!(
        affirmed("oxnard"),
        ["oxnard/dissemination", "oxnard/field-conduct", "oxnard/lead-only", "oxnard/official-use"]
    );
    assert_eq!(
        affirmed("albuquerque"),
        ["albuquerque/investigative-lead", "albuquerque/lead-only", "albuquerque/need-to-know"]
    );
    assert!(affirmed("state-example").is_empty() && affirmed("ban-example").is_empty());
}

#[test]
fn a_unit_under_either_pack_has_the_words_of_every_document() {
    let policies = policies();
    for name in ["lacris", "oxnard", "albuquerque"] {
        for statement in [
            "report-disclaimer",
            "lead-viable",
            "seal",
            "footer",
            "no-match",
            "unsuitable",
            "inconclusive",
            "declined",
        ] {
            let view = policies.statement(&pack(name), statement);
            assert!(view.is_some_and(|view| !view.text.is_empty()), "{name}/{statement}");
        }
    }
}

#[test]
fn what_the_source_misprints_is_kept_as_published_and_corrected_as_approved() {
    let policies = policies();
    let dissemination = &policies.pack(&pack("oxnard")).unwrap().statements()["dissemination"];
    let published = dissemination.published.as_ref().unwrap();
    for (printed, meant) in [("line#up", "line-up"), ("third#party", "third-party")] {
        assert!(published.contains(printed) && !published.contains(meant));
        assert!(dissemination.text.contains(meant) && !dissemination.text.contains(printed));
    }
    // A result is a lead: no approved word of a document says that it is somebody.
    for pack in policies.packs() {
        for (name, statement) in pack.statements() {
            let words: BTreeSet<&str> = statement.text.split_whitespace().collect();
            assert!(!words.contains("identified") && !words.contains("identifies"), "{name}");
        }
    }
}
