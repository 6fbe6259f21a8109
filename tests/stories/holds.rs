//! What waits for a named human at the release.

use leadbroker::domain::{AgencyStanding, Role};
use leadbroker::registry::Registry;
use serde_json::{Value, json};

use crate::outcomes::standing;
use crate::site::forms::AGENCY;
use crate::site::people::lead;
use crate::site::{Setup, Site};

crate::both!(
    a_release_that_a_policy_holds_is_the_administrators_to_decide,
    an_answer_that_the_administrator_refuses_never_leaves,
    no_human_decides_what_a_policy_refuses_at_the_release,
    a_narrative_that_a_person_must_read_is_held_and_never_told,
    a_hold_that_nobody_decides_goes_up_and_is_never_forgotten,
);

fn clauses(told: &Value) -> Vec<&Value> {
    told["findings"].as_array().unwrap().iter().map(|finding| &finding["clause"]).collect()
}

/// The officer releases the document with this hash, and a policy holds it.
async fn held(site: &mut Site, (request, hash): (&str, &str), why: &[&str]) {
    let (status, told) = site.release_document(request, hash).await;
    assert_eq!((status, &told["state"]), (200, &json!("held")), "{told}");
    let wanted: Vec<Value> = why.iter().map(|clause| json!(clause)).collect();
    assert_eq!(clauses(&told), wanted.iter().collect::<Vec<_>>());
    let hold = site.until_held_by_administrator(request).await;
    assert_eq!(hold["findings"], told["findings"]);
    assert!(hold["deadline_at"].is_string(), "it has a due time: {hold}");
    let (status, told) = site.release_document(request, hash).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "the officer waits: {told}");
}

fn without_agreement(registry: &mut Registry) {
    let mut agencies = registry.agencies.iter_mut().map(|entry| &mut entry.agency);
    agencies.find(|agency| agency.ori.as_str() == AGENCY).unwrap().agreements.clear();
}

async fn a_release_that_a_policy_holds_is_the_administrators_to_decide(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.concluded(&lead("A1")).await;
    let pdf = site.document(&request).await;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    site.registry(|registry| standing(registry, AgencyStanding::Suspended)).await;
    // Another document is not held: it is not the one that was read.
    let (status, told) = site.release_document(&request, &"0".repeat(64)).await;
    assert_eq!((status, &told["code"]), (409, &json!("document_changed")), "{told}");
    held(&mut site, (&request, &hash), &["CORE-STANDING"]).await;

    let (status, told) = site.decide(&request, true, "CORE-STANDING").await;
    assert_eq!((status, &told["state"]), (200, &json!("awaiting_release")), "{told}");
    assert_eq!(site.document(&request).await, pdf, "the decision changes no byte of the answer");

    // What is new since is held again, together with what was decided.
    site.registry(without_agreement).await;
    held(&mut site, (&request, &hash), &["CORE-AGREEMENT", "CORE-STANDING"]).await;
    let (status, told) = site.decide(&request, true, "CORE-AGREEMENT").await;
    assert_eq!((status, &told["state"]), (200, &json!("awaiting_release")), "{told}");

    // Still suspended and without agreement: what was decided holds neither the release nor the delivery.
    site.release(&request).await;
    site.sent(&request).await;
    site.registry(|registry| standing(registry, AgencyStanding::Active)).await;
    let released = site.audited(&request, "answer.released").await;
    assert!(released[0]["detail"]["allowed_by"].is_string(), "{released:?}");
    site.open_answer(&request).await;
    site.assert_ledger(&request, "held at the release, then allowed").await;
    let times = [("release.held", 2), ("hold.decided", 2), ("answer.held", 0)];
    site.assert_times(&request, "held at the release", &times).await;
}

async fn an_answer_that_the_administrator_refuses_never_leaves(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.concluded(&lead("A1")).await;
    let pdf = site.document(&request).await;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    site.registry(without_agreement).await;
    held(&mut site, (&request, &hash), &["CORE-AGREEMENT"]).await;
    let status = site.status(&request).await;
    assert_eq!((&status["state"], &status["outcome"]), (&json!("held"), &Value::Null), "{status}");
    let (status, told) = site.decide(&request, false, "CORE-AGREEMENT").await;
    assert_eq!((status, &told["state"]), (200, &json!("rejected")), "{told}");
    let (status, told) = site.release_document(&request, &hash).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "{told}");
    let status = site.status(&request).await;
    assert_eq!((&status["state"], &status["outcome"]), (&json!("rejected"), &Value::Null));
    // What was examined stays with the record of its examination.
    let kept = format!("SELECT count(*) FROM probes WHERE request = '{request}'");
    assert_eq!(site.number(&kept).await, 1);
    site.nothing_waits(&request).await;
    assert_eq!(site.message_ids(&request).await, Vec::<String>::new(), "no mail");
    let times = [("answer.released", 0), ("answer.sealed", 0), ("hold.decided", 1)];
    site.assert_times(&request, "refused at the release", &times).await;
}

async fn no_human_decides_what_a_policy_refuses_at_the_release(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.concluded(&lead("A1")).await;
    let pdf = site.document(&request).await;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    // The officer has the requester's name, and the agency is suspended too: the refusal is the officer's to read.
    let rename = |registry: &mut Registry, name: &str| {
        let officers = registry.accounts.iter_mut().map(|entry| &mut entry.account);
        let release = Role::ReleaseAuthority;
        for officer in officers.filter(|one| one.role == release && one.unit.as_str() == "lacris") {
            name.clone_into(&mut officer.name);
        }
    };
    site.registry(|registry| {
        rename(registry, "Jordan Sample");
        standing(registry, AgencyStanding::Suspended);
    })
    .await;
    let (status, told) = site.release_document(&request, &hash).await;
    assert_eq!((status, &told["code"]), (422, &json!("policy")), "{told}");
    assert!(clauses(&told).contains(&&json!("CORE-SEPARATION")), "{told}");
    site.registry(|registry| standing(registry, AgencyStanding::Active)).await;
    let status = site.status(&request).await;
    assert_eq!(status["state"], "awaiting_release", "{status}");
    let times = [("step.refused", 1), ("release.held", 0)];
    site.assert_times(&request, "refused, not held", &times).await;
}

async fn a_narrative_that_a_person_must_read_is_held_and_never_told(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let told = "A window of the clinic broke during the Manifestación on Sample Street.";
    let narrative = |form: &mut Value| form["justification"]["situation"] = json!(told);
    let (status, receipt) = site.submit_changed(&narrative).await;
    assert_eq!((status, &receipt["state"]), (201, &json!("held")), "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    let findings = receipt["findings"].as_array().unwrap();
    assert_eq!(clauses(&receipt), [&json!("CORE-WORDS"), &json!("CORE-WORDS")]);
    for (finding, category) in findings.iter().zip(["health", "protest"]) {
        assert_eq!(finding["field"], "/justification/situation");
        assert_eq!(finding["verdict"], "hold");
        let message = finding["message"].as_str().unwrap();
        assert!(message.contains(&format!(": {category} (CORE-BASIS, LACRIS-FA-2")), "{message}");
        assert!(!message.contains("SPD-"), "only clauses that bind here: {message}");
    }
    for word in ["window", "manifestaci", "sample street", "clinic"] {
        assert!(!receipt.to_string().to_lowercase().contains(word), "{word}: {receipt}");
        let log = json!(site.audit("words").await).to_string().to_lowercase();
        assert!(!log.contains(word), "{word}");
    }
    let (status, answer) = site.decide(&request, true, "CORE-WORDS").await;
    assert_eq!((status, &answer["state"]), (200, &json!("accepted")), "{answer}");
    site.follow(&request).await;
    site.open_answer(&request).await;

    // A unit answers for its own words: one more, one less.
    site.registry(|registry| {
        let unit = registry.units.iter_mut().find(|unit| unit.id.as_str() == "lacris").unwrap();
        unit.words.remove = vec!["clinic".to_owned()];
        unit.words.add = vec!["food bank*".to_owned()];
    })
    .await;
    for (told, state) in [("in front of the clinic", "accepted"), ("at two food banks", "held")] {
        let narrative = |form: &mut Value| {
            form["justification"]["situation"] =
                json!(format!("A purse was taken {told} at noon."));
        };
        let (status, receipt) = site.submit_changed(&narrative).await;
        assert_eq!((status, &receipt["state"]), (201, &json!(state)), "{receipt}");
    }
    site.assert_sound("words").await;
}

/// The held requests that a person reads, in the order of the desk.
async fn desk(site: &mut Site, token: &str) -> Vec<Value> {
    let (status, told) = site.call(("GET", "holds"), token, None).await;
    assert_eq!(status, 200, "{told}");
    told["items"].as_array().unwrap().clone()
}

async fn a_hold_that_nobody_decides_goes_up_and_is_never_forgotten(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let short = |form: &mut Value| form["justification"]["situation"] = json!("Theft.");
    let mut held = Vec::new();
    for _ in 0..2 {
        let (_, receipt) = site.submit_changed(&short).await;
        held.push(receipt["request"].as_str().unwrap().to_owned());
    }
    let (first, late) = (held[0].clone(), held[1].clone());
    let (officer, administrator) = (site.token(Role::ReleaseAuthority, 0), site.administrator());
    assert_eq!(desk(&mut site, &officer).await, Vec::<Value>::new());
    // A hold of another role: no pack in force here gives one, so the row is written as such a pack would.
    let role = format!(
        "UPDATE search_requests SET stage_data = replace(stage_data, 'local_administrator', 'release_authority')
         WHERE id = '{late}'"
    );
    assert_eq!(site.sql(&role).await, 1);
    let on_desk = desk(&mut site, &officer).await;
    assert_eq!(on_desk.len(), 1, "{on_desk:?}");
    assert_eq!(
        (&on_desk[0]["role"], &on_desk[0]["overdue"]),
        (&json!("release_authority"), &json!(false))
    );
    assert_eq!(on_desk[0]["clauses"], json!(["CORE-NARRATIVE", "LACRIS-AUD-8a"]));

    site.deadline_passes(&late).await;
    site.until_audited(&late, "hold.escalated", 1).await;
    let escalated = site.audited(&late, "hold.escalated").await;
    let told = &escalated[0];
    assert_eq!(
        (&told["detail"]["from"], &told["detail"]["to"]),
        (&json!("release_authority"), &json!("local_administrator"))
    );
    assert_eq!(told["clauses"], json!(["CORE-NARRATIVE"]), "{told}");
    // The role that let it be late still sees it, and decides no more.
    let seen = desk(&mut site, &officer).await;
    assert_eq!(
        (&seen[0]["request"], &seen[0]["overdue"]),
        (&json!(late), &json!(true)),
        "{seen:?}"
    );
    let decision = json!({ "allow": true, "reason": "The officer told the rest.", "clause": "CORE-NARRATIVE" });
    let path = format!("holds/{late}/decide");
    let (status, refused) = site.call(("POST", &path), &officer, Some(&decision)).await;
    assert_eq!((status, &refused["code"]), (403, &json!("role")), "{refused}");
    // Late first, although it came last.
    let order: Vec<Value> =
        desk(&mut site, &administrator).await.iter().map(|hold| hold["request"].clone()).collect();
    assert_eq!(order, [json!(late), json!(first)]);

    // At the top it stays, and every missed due time is on record.
    site.deadline_passes(&late).await;
    site.until_audited(&late, "hold.overdue", 1).await;
    let shown = site.cli_json(&administrator, &["holds", "show", &late]);
    assert_eq!(shown["missed"], json!(["release_authority", "local_administrator"]), "{shown}");
    assert_eq!(shown["reasons"][0]["clause"], "CORE-NARRATIVE");
    assert!(shown["reasons"][0]["clause_text"].as_str().unwrap().len() > 20, "{shown}");
    assert!(shown["if_allowed"].as_str().unwrap().contains("reviewer on duty"), "{shown}");
    assert!(shown["if_refused"].as_str().unwrap().contains("rejected"), "{shown}");
    assert_eq!(shown["decided_before"], json!([]));
    let (status, answer) = site.decide(&late, true, "CORE-NARRATIVE").await;
    assert_eq!((status, &answer["state"]), (200, &json!("accepted")), "{answer}");
    site.follow(&late).await;
    site.open_answer(&late).await;
    site.assert_times(&late, "late", &[("hold.escalated", 1), ("hold.overdue", 1)]).await;
}
