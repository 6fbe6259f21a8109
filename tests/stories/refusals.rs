//! What is refused: with its code or clause, and nothing stored but the audit entry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leadbroker::domain::{AgencyStanding, Role};
use leadbroker::registry::{AccountEntry, Registry};
use serde_json::{Value, json};

use crate::outcomes::standing;
use crate::site::people::{examination, lead};
use crate::site::{Setup, Site};

crate::both!(
    a_claim_that_ended_stores_nothing,
    nobody_is_two_people_on_one_request,
    only_the_document_that_was_read_is_released,
    who_is_off_duty_or_untrained_takes_no_job,
    another_agency_sees_nothing,
    a_form_that_is_no_form_leaves_an_audit_entry_and_nothing_else,
    a_suspended_agency_sends_nothing_and_gets_nothing,
);

async fn a_claim_that_ended_stores_nothing(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    let exam = examination("no_match");
    let lease = site.claimed(&request, &first).await;
    for wrong in [lease - 1, lease + 1] {
        let (status, told) = site.record((&request, "conclude"), &first, (wrong, &exam)).await;
        assert_eq!((status, &told["code"]), (409, &json!("lease_lost")), "{told}");
        // The reviewer is told that the text is not kept, and what to do with it.
        assert!(told["detail"].as_str().unwrap().contains("nothing was stored"), "{told}");
    }
    let (status, told) = site.record((&request, "conclude"), &second, (lease, &exam)).await;
    assert_eq!((status, &told["code"]), (409, &json!("lease_lost")), "another's token: {told}");
    let (status, told) = site.record((&request, "second-review"), &first, (lease, &exam)).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "another step: {told}");
    assert_eq!(site.records(&request).await, 0);

    // The reviewer falls silent; the job goes back to the queue, and another takes it.
    site.deadline_passes(&request).await;
    site.until(&request, &["queued"]).await;
    assert_eq!(site.audited(&request, "lease.expired").await.len(), 1);
    let later = site.claimed(&request, &second).await;
    let (status, told) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!((status, &told["code"]), (409, &json!("lease_lost")), "{told}");
    let (status, told) = site.record((&request, "conclude"), &second, (later, &exam)).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(
        site.records(&request).await,
        2,
        "the examination, and what came too late as a draft"
    );
    site.follow_from(&request, 0).await;
    site.assert_ledger(&request, "expired lease").await;
}

fn entry<'r>(registry: &'r mut Registry, login: &str) -> &'r mut AccountEntry {
    registry.accounts.iter_mut().find(|entry| entry.account.login == login).unwrap()
}

async fn denied(site: &mut Site, request: &str, (status, told): (u16, Value)) {
    assert_eq!((status, &told["code"]), (403, &json!("separation_of_duties")), "{told}");
    let denials = site.audited(request, "authz.denied").await;
    // A reading names every broken clause, a step the one that it ends at.
    let clauses = denials.last().unwrap()["clauses"].as_array().unwrap();
    assert!(clauses.contains(&json!("CORE-SEPARATION")), "{clauses:?}");
}

async fn nobody_is_two_people_on_one_request(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    let refused = site.claim_by(&request, &first).await;
    denied(&mut site, &request, refused).await;
    assert_eq!(site.status(&request).await["state"], "examined");
    site.examine(&request, "second-review", &second, &lead("A1")).await;

    // The first reviewer is promoted, and would release what the same person examined.
    site.registry(|registry| {
        entry(registry, "rivera").account.role = Role::ReleaseAuthority;
    })
    .await;
    let path = format!("jobs/{request}/release");
    let body = json!({ "document_sha256": "0".repeat(64) });
    let refused = site.call(("POST", &path), &first, Some(&body)).await;
    denied(&mut site, &request, refused).await;
    let path = format!("jobs/{request}/document");
    let refused = site.call(("GET", &path), &first, None).await;
    denied(&mut site, &request, refused).await;
    assert_eq!(site.status(&request).await["state"], "awaiting_release");

    // Who asked does not examine, whatever account the same person has.
    site.registry(|registry| {
        "Jordan Sample".clone_into(&mut entry(registry, "okafor").account.name);
    })
    .await;
    let other = site.queued().await;
    let (status, told) = site.claim_by(&other, &second).await;
    assert_eq!((status, &told["code"]), (422, &json!("policy")), "{told}");
    assert_eq!(told["findings"][0]["clause"], "CORE-SEPARATION", "{told}");
    assert_eq!(site.audited(&other, "step.refused").await.len(), 1);
    assert_eq!(site.status(&other).await["state"], "queued");

    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "two roles").await;
}

async fn only_the_document_that_was_read_is_released(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.concluded(&lead("A1")).await;
    let pdf = site.document(&request).await;
    let mut other = pdf.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    for wrong in [hex::encode(openssl::sha::sha256(&other)), String::new(), "A".repeat(64)] {
        let (status, told) = site.release_document(&request, &wrong).await;
        assert_eq!((status, &told["code"]), (409, &json!("document_changed")), "{told}");
    }
    assert_eq!(site.status(&request).await["state"], "awaiting_release");
    for person in [site.reviewer(0), site.reviewer(1), site.administrator()] {
        let body = json!({ "document_sha256": hex::encode(openssl::sha::sha256(&pdf)) });
        let path = format!("jobs/{request}/release");
        let (status, told) = site.call(("POST", &path), &person, Some(&body)).await;
        assert_eq!((status, &told["code"]), (403, &json!("role")), "{told}");
    }
    assert_eq!(site.document(&request).await, pdf, "the same bytes whenever they are read");
    site.release(&request).await;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    let (status, told) = site.release_document(&request, &hash).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "released once: {told}");
    site.until(&request, &["delivered"]).await;
    site.open_answer(&request).await;
    site.assert_ledger(&request, "other bytes").await;
}

async fn who_is_off_duty_or_untrained_takes_no_job(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.queued().await;
    for (nth, clause) in [(2, "CORE-ON-DUTY"), (3, "LACRIS-TRN-1")] {
        let person = site.reviewer(nth);
        let (status, told) = site.claim_by(&request, &person).await;
        assert_eq!((status, &told["code"]), (422, &json!("policy")), "{told}");
        let clauses: Vec<&Value> =
            told["findings"].as_array().unwrap().iter().map(|f| &f["clause"]).collect();
        assert!(clauses.contains(&&json!(clause)), "{told}");
        let refused = site.audited(&request, "step.refused").await;
        let cited = refused.last().unwrap()["clauses"].to_string();
        assert!(cited.contains(clause), "{cited}");
    }
    assert_eq!(site.status(&request).await["state"], "queued");

    // A credential that lapses while its holder examines stops the conclusion; the job is not lost.
    let first = site.reviewer(0);
    let lease = site.claimed(&request, &first).await;
    let lapse = |registry: &mut Registry, days: i64| {
        for credential in &mut entry(registry, "rivera").account.credentials {
            credential.expires_at = credential.issued_at + chrono::TimeDelta::days(days);
        }
    };
    site.registry(|registry| lapse(registry, 1)).await;
    let exam = examination("no_match");
    let (status, told) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!((status, &told["code"]), (422, &json!("policy")), "{told}");
    assert_eq!(site.records(&request).await, 0);
    assert_eq!(site.status(&request).await["state"], "leased");
    site.registry(|registry| lapse(registry, 800)).await;
    let (status, told) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!(status, 200, "{told}");
    site.follow(&request).await;
    site.assert_ledger(&request, "duty and training").await;
}

async fn another_agency_sees_nothing(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.queued().await;
    let other = site.other_agency();
    for path in [format!("search-requests/{request}"), format!("search-requests/{request}/events")]
    {
        let (status, told) = site.call(("GET", &path), &other, None).await;
        assert_eq!((status, &told["code"]), (404, &json!("not_found")), "{path}");
    }
    let reason = json!({ "reason": "It is not ours." });
    let path = format!("search-requests/{request}/withdraw");
    let (status, told) = site.call(("POST", &path), &other, Some(&reason)).await;
    assert_eq!((status, &told["code"]), (404, &json!("not_found")), "{told}");
    let (_, list) = site.call(("GET", "search-requests"), &other, None).await;
    assert_eq!(list["items"], json!([]));
    // An agency is nobody of the unit, and the other way round.
    let agency = site.agency();
    let reviewer = site.reviewer(0);
    for (path, token) in [
        (format!("jobs/{request}"), &agency),
        ("jobs".to_owned(), &agency),
        ("audit/export".to_owned(), &agency),
        (format!("search-requests/{request}"), &reviewer),
    ] {
        let (status, told) = site.call(("GET", &path), token, None).await;
        assert_eq!((status, &told["code"]), (401, &json!("unauthorized")), "{path}: {told}");
    }
    // A form for another agency, and one of an agency whose agreement ended.
    let mut form = site.form().await;
    form["requesting_agency"] = json!("NM0010100");
    let (status, told) = site.send(&form).await;
    assert_eq!((status, &told["code"]), (403, &json!("foreign_ori")), "{told}");
    assert_eq!(site.status(&request).await["state"], "queued");
    site.assert_sound("another agency").await;
}

/// A JPEG's header that promises this many pixels, and nothing behind it.
fn promising(probe: &[u8], side: u16) -> Vec<u8> {
    let start = probe.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let mut bytes = probe.to_vec();
    bytes[start + 5..start + 7].copy_from_slice(&side.to_be_bytes());
    bytes[start + 7..start + 9].copy_from_slice(&side.to_be_bytes());
    bytes
}

fn put_image(form: &mut Value, bytes: &[u8]) {
    form["images"][0]["content"] = json!(STANDARD.encode(bytes));
    form["images"][0]["sha256"] = json!(hex::encode(openssl::sha::sha256(bytes)));
}

/// Misshapen forms, each with the code and the place of its fault.
fn misshapen(sound: &Value) -> Vec<(Value, &'static str, &'static str)> {
    let probe = STANDARD.decode(sound["images"][0]["content"].as_str().unwrap()).unwrap();
    let change = |alter: &dyn Fn(&mut Value)| changed(sound, alter);
    vec![
        (change(&|form| form["urgent"] = json!(true)), "field_unknown", "/urgent"),
        (
            change(&|form| form["images"][0]["gps"] = json!("none")),
            "field_unknown",
            "/images/0/gps",
        ),
        (
            change(&|form| form["images"][0]["sha256"] = json!("0".repeat(64))),
            "image_hash",
            "/images/0/sha256",
        ),
        (
            change(&|form| put_image(form, &probe[..probe.len() / 2])),
            "image_truncated",
            "/images/0",
        ),
        (
            change(&|form| put_image(form, &promising(&probe, 60_000))),
            "image_dimensions",
            "/images/0",
        ),
        (change(&|form| form["images"] = json!([])), "items_count", "/images"),
        (change(&|form| form["images_attached"] = json!(2)), "image_count", "/images_attached"),
    ]
}

fn changed(sound: &Value, alter: &dyn Fn(&mut Value)) -> Value {
    let mut form = sound.clone();
    alter(&mut form);
    form
}

async fn a_form_that_is_no_form_leaves_an_audit_entry_and_nothing_else(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let sound = site.form().await;
    let cases = misshapen(&sound);
    for (form, code, pointer) in &cases {
        let (status, told) = site.send(form).await;
        assert_eq!((status, &told["code"]), (422, &json!("shape")), "{code}: {told}");
        assert_eq!((&told["request"], &told["state"]), (&Value::Null, &json!("rejected")));
        let errors = told["errors"].as_array().unwrap();
        let found = errors.iter().any(|e| e["code"] == *code && e["pointer"] == *pointer);
        assert!(found, "{code} {pointer}: {told}");
    }
    // A well-shaped form that a policy refuses is on record, without its images.
    let elsewhere = changed(&sound, &|form| form["repositories"] = json!(["DMS", "OTHER"]));
    let (status, told) = site.send(&elsewhere).await;
    assert_eq!((status, &told["code"]), (422, &json!("rejected")), "{told}");
    let cited = told["findings"].to_string();
    assert!(cited.contains("CORE-REPOSITORY") && cited.contains("LACRIS-DB-2"), "{told}");
    let refused = told["request"].as_str().unwrap().to_owned();
    site.nothing_waits(&refused).await;

    for table in ["messages", "deliveries", "probes"] {
        let others = match table {
            "messages" => format!("SELECT count(*) FROM messages WHERE request <> '{refused}'"),
            _ => format!("SELECT count(*) FROM {table}"),
        };
        assert_eq!(site.number(&others).await, 0, "{table}");
    }
    assert_eq!(site.number("SELECT count(*) FROM search_requests").await, 1, "the rejected one");
    let events = site.assert_sound("misshapen").await;
    let times = events.iter().filter(|e| e["action"] == "search_request.misshapen").count();
    assert_eq!(times, cases.len());
    assert_eq!(site.files_in_store_after_sweep().await, 0, "no image of a refused form is kept");
    // The same key with another form is a mistake; the mended form, about the same case, goes in under a new key.
    let (status, told) = site.send(&sound).await;
    assert_eq!((status, &told["code"]), (409, &json!("idempotency_conflict")), "{told}");
    let (status, receipt) = site.send_under("a-new-key", &sound).await;
    assert_eq!((status, &receipt["state"]), (201, &json!("accepted")), "{receipt}");
    assert_eq!(receipt["duplicate_of"], Value::Null);
}

async fn a_suspended_agency_sends_nothing_and_gets_nothing(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let form = site.form().await;
    site.registry(|registry| standing(registry, AgencyStanding::Suspended)).await;
    let (status, told) = site.send(&form).await;
    assert_eq!((status, &told["code"]), (403, &json!("agency_suspended")), "{told}");
    assert_eq!(site.number("SELECT count(*) FROM search_requests").await, 0);
    let events = site.audit("suspended").await;
    let refused: Vec<&Value> =
        events.iter().filter(|e| e["action"] == "search_request.sender_refused").collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["detail"]["code"], "agency_suspended");
    site.registry(|registry| standing(registry, AgencyStanding::Active)).await;
    let (status, receipt) = site.send(&form).await;
    assert_eq!((status, &receipt["state"]), (201, &json!("accepted")), "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();

    // Suspended while it waits for the release: the administrator decides, and the officer reads why.
    site.until(&request, &["queued"]).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    site.examine(&request, "second-review", &second, &lead("A1")).await;
    site.registry(|registry| standing(registry, AgencyStanding::Suspended)).await;
    let pdf = site.document(&request).await;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    let (status, told) = site.release_document(&request, &hash).await;
    assert_eq!((status, &told["state"]), (200, &json!("held")), "{told}");
    assert_eq!(told["findings"][0]["clause"], "CORE-STANDING", "{told}");
    site.registry(|registry| standing(registry, AgencyStanding::Active)).await;
    let (status, told) = site.decide(&request, true, "CORE-STANDING").await;
    assert_eq!((status, &told["state"]), (200, &json!("awaiting_release")), "{told}");
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "suspended and reinstated").await;
}
