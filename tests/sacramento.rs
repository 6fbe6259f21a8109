//! A unit under three policies at once, LACRIS and the two orders of Sacramento, served by the real program.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/site.rs"]
#[expect(
    dead_code,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test may panic, reads where its services are, and uses what it needs of the site"
)]
mod site;

use std::io::Write as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::domain::{AiSystem, Role, Safeguards, SignOff, Training};
use leadbroker::policy::{PolicySet, builtin};
use leadbroker::registry::Registry;
use serde_json::{Value, json};
use site::Site;

const ORDERS: [&str; 2] = ["sacramento-fr", "sacramento-ai"];
const TOPICS: [&str; 8] = [
    "go-375.01",
    "city-ai-policy",
    "go-390.01/2025-09-30",
    "human-oversight",
    "verification",
    "bias-review",
    "ethics",
    "data-security",
];

/// Puts the orders in force at the unit, with all that they ask of it.
fn under_the_orders(registry: &mut Registry) {
    let now = SystemClock.now();
    let unit = registry.units.iter_mut().find(|unit| unit.id.as_str() == "lacris").unwrap();
    unit.packs.extend(ORDERS.map(|pack| pack.parse().unwrap()));
    let signed = |clause: &str| SignOff {
        clause: clause.to_owned(),
        by: "PSIT".to_owned(),
        at: now - TimeDelta::days(30),
    };
    registry.systems.push(AiSystem {
        unit: unit.id.clone(),
        name: "Sample search system".to_owned(),
        vendor: "Sample vendor".to_owned(),
        safeguards: Some(Safeguards {
            number: "C-2026-1".to_owned(),
            valid_from: now - TimeDelta::days(30),
            valid_until: now + TimeDelta::days(30),
            document_sha256: "0".repeat(64),
        }),
        sign_offs: vec![signed("SPD-AI-H1a"), signed("SPD-AI-H1b")],
    });
    let reviewers = registry.accounts.iter().map(|entry| &entry.account);
    for reviewer in reviewers.filter(|account| account.role == Role::Reviewer) {
        registry.trainings.push(Training {
            account: reviewer.id,
            topics: TOPICS.map(str::to_owned).to_vec(),
            completed_at: now - TimeDelta::days(30),
            refresher_due: now + TimeDelta::days(300),
            approved_by: "PSIT".to_owned(),
        });
    }
}

/// The same, but the contract has run out.
fn without_safeguards(registry: &mut Registry) {
    under_the_orders(registry);
    let system = registry.systems.last_mut().unwrap();
    let safeguards = system.safeguards.as_mut().unwrap();
    safeguards.valid_until = SystemClock.now() - TimeDelta::days(1);
}

fn by_generative_ai(form: &mut Value) {
    form["generative_ai_used"] = json!(true);
    form["supervisor_approval"] = json!({
        "name": "Sam Supervisor", "phone": "+12135550143",
        "approved_at": SystemClock.now().to_rfc3339()
    });
}

fn lead(examination: &mut Value) {
    let image = leadbroker::report::samples::booking(11).unwrap();
    examination["conclusion"] = json!("lead");
    examination["comparison"][0]["agreement"] = json!("similar");
    examination["bias_review"] = json!("Candidates of all ages were compared; none was favoured.");
    examination["candidate"] = json!({
        "repository": "DMS", "name": "SAMPLE, CASEY", "date_of_birth": "1991-04-17", "sid": "A00000001",
        "image": STANDARD.encode(&image), "image_sha256": hex::encode(openssl::sha::sha256(&image)),
    });
}

fn pages(pdf: &[u8]) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pdf).unwrap();
    let text = Command::new("pdftotext").arg(file.path()).arg("-").output().unwrap().stdout;
    let words = |page: &str| page.split_whitespace().collect::<Vec<_>>().join(" ");
    String::from_utf8(text).unwrap().split_terminator('\u{c}').map(words).collect()
}

fn words(policies: &PolicySet, pack: &str, name: &str) -> String {
    policies.statement(&pack.parse().unwrap(), name).unwrap().text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_under_three_policies_is_delivered_with_the_words_of_all() {
    let mut site = Site::with_registry(under_the_orders);
    site.form = by_generative_ai;
    site.examination = lead;
    site.start(None).await;
    let request = site.drive().await;
    site.assert_ledger(&request, "three policies").await;
    let log = site.log().await;
    let accepted = log.lines().find(|line| line.contains("\"search_request.accepted\"")).unwrap();
    assert!(accepted.contains("\"agreement\":\"SAMPLE-CA0194200"), "{accepted}");

    let policies = builtin::load(SystemClock.now()).unwrap();
    let pages = pages(&site.document);
    let lacris = words(&policies, "lacris", "report-disclaimer");
    let sacramento = words(&policies, "sacramento-fr", "report-disclaimer");
    let generative = words(&policies, "sacramento-ai", "generative-ai");
    assert!(pages[0].contains(&lacris) && !pages[0].contains(&sacramento), "{}", pages[0]);
    let supplement = pages[1..].join(" ");
    for statement in [sacramento, generative] {
        assert!(supplement.contains(&statement), "{supplement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_protected_is_taken_in_without_safeguards() {
    let mut site = Site::with_registry(without_safeguards);
    site.start(None).await;
    let (status, receipt) = site.submit().await;
    assert_eq!((status, receipt["state"].as_str()), (422, Some("rejected")), "{receipt}");
    let clauses: Vec<&str> = receipt["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["clause"].as_str().unwrap())
        .collect();
    assert_eq!(clauses, ["SPD-AI-B4a"]);
}
