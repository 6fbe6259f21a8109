//! How requests end.

use leadbroker::domain::{AgencyStanding, Role};
use leadbroker::registry::Registry;
use serde_json::{Value, json};

use crate::site::forms::AGENCY;
use crate::site::people::{examination, lead};
use crate::site::{PATIENT, Setup, Site};

crate::both!(
    every_conclusion_is_answered_by_its_document,
    reviewers_who_differ_are_decided_by_an_adjudicator,
    an_agency_withdraws_at_every_stage_before_the_release,
    a_job_that_is_given_back_goes_to_another,
    a_hold_is_decided_by_a_named_human,
    an_answer_that_was_held_leaves_when_a_human_allows_it,
    a_job_of_a_suspended_agency_waits_until_it_is_reinstated,
);

async fn answered(site: &mut Site, request: &str, (conclusion, title): (&str, &str)) {
    assert_eq!(
        site.status(request).await["outcome"],
        Value::Null,
        "nothing is told before the release"
    );
    site.release(request).await;
    let status = site.until(request, &["delivered"]).await;
    assert_eq!(status["outcome"], conclusion);
    let words = site.open_answer(request).await;
    assert!(words.to_lowercase().contains(&title.to_lowercase()), "{conclusion}: {words}");
    assert_eq!(words.contains("SAMPLE, CASEY"), conclusion == "lead", "{conclusion}: {words}");
    site.assert_ledger(request, conclusion).await;
}

async fn every_conclusion_is_answered_by_its_document(setup: Setup) {
    let mut site = Site::serving(setup).await;
    for (conclusion, title) in [
        ("lead", "Manual Search Report"),
        ("no_match", "No-Match Notice"),
        ("unsuitable_probe", "Unsuitable-Probe Notice"),
        ("inconclusive", "Inconclusive Notice"),
        ("declined", "Declined Notice"),
    ] {
        let exam = if conclusion == "lead" { lead("A1") } else { examination(conclusion) };
        let request = site.concluded(&exam).await;
        answered(&mut site, &request, (conclusion, title)).await;
    }
    assert_eq!(site.crashes, 0);
}

async fn reviewers_who_differ_are_decided_by_an_adjudicator(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let adjudicator = site.token(Role::Adjudicator, 0);
    let cases = [
        (lead("A1"), examination("no_match"), examination("inconclusive"), "Inconclusive Notice"),
        // The same conclusion about two different persons is a difference.
        (lead("A1"), lead("A2"), lead("A2"), "Manual Search Report"),
        // The second found exactly this lead, and the first nobody: nothing says otherwise.
        (examination("no_match"), lead("A1"), lead("A1"), "Manual Search Report"),
        (lead("A1"), examination("no_match"), lead("A1"), "Manual Search Report"),
    ];
    let names = [site.name(&first), site.name(&second), site.name(&adjudicator)];
    for (one, other, decision, title) in cases {
        let request = site.queued().await;
        assert_eq!(site.examine(&request, "conclude", &first, &one).await, "examined");
        let state = site.examine(&request, "second-review", &second, &other).await;
        assert_eq!(state, "adjudication_due");
        let (status, told) = site.claim_by(&request, &first).await;
        assert_eq!((status, &told["code"]), (403, &json!("separation_of_duties")), "{told}");
        let lease = site.claimed(&request, &adjudicator).await;
        let (_, case) = site.call(("GET", &format!("jobs/{request}")), &adjudicator, None).await;
        let earlier: Vec<_> = case["earlier"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (&e["which"], &e["examination"]["conclusion"]))
            .collect();
        assert_eq!(
            earlier,
            [(&json!("first"), &one["conclusion"]), (&json!("second"), &other["conclusion"])]
        );
        let (status, told) =
            site.record((&request, "adjudicate"), &adjudicator, (lease, &decision)).await;
        assert_eq!((status, &told["state"]), (200, &json!("awaiting_release")), "{told}");
        let conclusion = decision["conclusion"].as_str().unwrap();
        answered(&mut site, &request, (conclusion, title)).await;
        site.assert_times(&request, title, &[("adjudication.concluded", 1)]).await;
        adjudicated(&site.open_answer(&request).await, &names);
    }
}

/// The result is the adjudicator's, and of the two it is only said that they differed.
fn adjudicated(words: &str, [first, second, adjudicator]: &[String; 3]) {
    for said in [
        format!("Face Reviewer: Agency Case Number: {adjudicator} "),
        format!(
            "The first examination, by {first}, and the blind second review, by {second}, differed."
        ),
        format!("The adjudicator {adjudicator} examined and decided"),
    ] {
        assert!(words.contains(&said), "`{said}` is missing in: {words}");
    }
    assert!(!words.contains("outcome"), "{words}");
}

/// Where a request can wait for people.
const STAGES: &[&str] = &[
    "held",
    "queued",
    "leased",
    "examined",
    "second_review",
    "adjudication_due",
    "adjudication",
    "awaiting_release",
];

/// A request at this stage, and the last claim's token.
async fn reach(site: &mut Site, stage: &str) -> (String, i64) {
    if stage == "held" {
        let short = |form: &mut Value| form["justification"]["situation"] = json!("Theft.");
        let (_, receipt) = site.submit_changed(&short).await;
        return (receipt["request"].as_str().unwrap().to_owned(), 0);
    }
    let request = site.queued().await;
    let steps = [
        (site.reviewer(0), "conclude", lead("A1")),
        (site.reviewer(1), "second-review", examination("no_match")),
        (site.token(Role::Adjudicator, 0), "adjudicate", examination("no_match")),
    ];
    let mut lease = 0;
    for (person, step, exam) in &steps {
        if site.status(&request).await["state"] == stage {
            break;
        }
        lease = site.claimed(&request, person).await;
        if site.status(&request).await["state"] == stage {
            break;
        }
        let (status, told) = site.record((&request, step), person, (lease, exam)).await;
        assert_eq!(status, 200, "{told}");
    }
    (request, lease)
}

/// Who held it comes too late, and nobody is shown the case any more.
async fn too_late(site: &mut Site, request: &str, (stage, lease): (&str, i64)) {
    for person in [site.reviewer(0), site.reviewer(1), site.token(Role::Adjudicator, 0)] {
        let late = site.record((request, "conclude"), &person, (lease, &lead("A1"))).await;
        assert_eq!(late.0, 409, "{stage}: {}", late.1);
        let (status, told) = site.call(("GET", &format!("jobs/{request}")), &person, None).await;
        assert_eq!((status, &told["code"]), (403, &json!("not_assigned")), "{stage}");
        let (_, list) = site.call(("GET", "jobs"), &person, None).await;
        assert_eq!(list["items"], json!([]), "{stage}");
    }
}

async fn an_agency_withdraws_at_every_stage_before_the_release(setup: Setup) {
    let mut site = Site::new(setup);
    let mut withdrawn = Vec::new();
    // Nobody checks; then nobody looks for reviewers.
    for (roles, stage) in [("api", "received"), ("api,check,relay", "accepted")] {
        // A receipt does not wait for a check that nobody makes.
        site.check_wait(if stage == "received" { 0 } else { PATIENT });
        site.serve_roles(Some(roles)).await;
        let (_, receipt) = site.submit().await;
        let request = receipt["request"].as_str().unwrap().to_owned();
        site.until(&request, &[stage]).await;
        withdraws(&mut site, &request, stage).await;
        withdrawn.push(request);
    }
    site.serve_roles(None).await;
    for stage in STAGES {
        let (request, lease) = reach(&mut site, stage).await;
        withdraws(&mut site, &request, stage).await;
        too_late(&mut site, &request, (stage, lease)).await;
        withdrawn.push(request);
    }
    for request in &withdrawn {
        site.nothing_waits(request).await;
        let wanted =
            [("search_request.withdrawn", 1), ("answer.released", 0), ("answer.sealed", 0)];
        site.assert_times(request, "withdrawn", &wanted).await;
        assert_eq!(site.status(request).await["state"], "withdrawn");
    }
    released_is_released(&mut site).await;
}

async fn withdraws(site: &mut Site, request: &str, stage: &str) {
    assert_eq!(site.status(request).await["state"], stage);
    let (status, told) = site.withdraw(request).await;
    assert_eq!((status, &told["state"]), (200, &json!("withdrawn")), "{stage}: {told}");
    assert_eq!(site.status(request).await["outcome"], "withdrawn", "{stage}");
    let (status, told) = site.withdraw(request).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "{stage}: {told}");
}

/// An answer that is released cannot be unsaid.
async fn released_is_released(site: &mut Site) {
    let request = site.concluded(&examination("no_match")).await;
    site.release(&request).await;
    let (status, told) = site.withdraw(&request).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "{told}");
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "released, then withdrawn in vain").await;
}

async fn a_job_that_is_given_back_goes_to_another(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    let early = site.claimed(&request, &first).await;
    let back = json!({ "token": early, "reason": "shift_ends" });
    let path = format!("jobs/{request}/give-back");
    let (status, told) = site.call(("POST", &path), &first, Some(&back)).await;
    assert_eq!(status, 200, "{told}");
    let (status, told) = site.call(("POST", &path), &first, Some(&back)).await;
    assert_eq!((status, &told["code"]), (409, &json!("lease_lost")), "{told}");
    site.until(&request, &["queued"]).await;

    let exam = examination("no_match");
    let later = site.claimed(&request, &second).await;
    assert!(later > early, "a claim's token grows");
    let old = site.record((&request, "conclude"), &first, (early, &exam)).await;
    assert_eq!((old.0, &old.1["code"]), (409, &json!("lease_lost")), "{}", old.1);
    let new = site.record((&request, "conclude"), &second, (later, &exam)).await;
    assert_eq!(new.0, 200, "{}", new.1);

    // The second review, given back, waits for a second reviewer again, not for a first one.
    let lease = site.claimed(&request, &first).await;
    let back = json!({ "token": lease, "reason": "other", "text": "Called away." });
    let (status, _) = site.call(("POST", &path), &first, Some(&back)).await;
    assert_eq!(status, 200);
    assert_eq!(site.status(&request).await["state"], "examined");
    let (status, told) = site.claim_by(&request, &second).await;
    assert_eq!((status, &told["code"]), (403, &json!("separation_of_duties")), "{told}");
    assert_eq!(site.examine(&request, "second-review", &first, &exam).await, "awaiting_release");
    answered(&mut site, &request, ("no_match", "No-Match Notice")).await;
    site.assert_times(&request, "given back", &[("job.given_back", 2), ("job.claimed", 4)]).await;
}

async fn a_hold_is_decided_by_a_named_human(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let short = |form: &mut Value| form["justification"]["situation"] = json!("Theft.");
    for allow in [false, true] {
        let (status, receipt) = site.submit_changed(&short).await;
        assert_eq!((status, receipt["state"].as_str()), (201, Some("held")), "{receipt}");
        let request = receipt["request"].as_str().unwrap().to_owned();
        let clauses: Vec<&Value> =
            receipt["findings"].as_array().unwrap().iter().map(|f| &f["clause"]).collect();
        assert!(clauses.contains(&&json!("CORE-NARRATIVE")), "{receipt}");
        assert!(clauses.contains(&&json!("LACRIS-AUD-8a")), "{receipt}");
        let administrator = site.administrator();
        let (_, holds) = site.call(("GET", "holds"), &administrator, None).await;
        assert_eq!(holds["items"][0]["request"], request.as_str(), "{holds}");
        assert_eq!(holds["items"][0]["findings"], receipt["findings"]);
        undecided(&mut site, &request).await;

        let (status, told) = site.decide(&request, allow, "CORE-NARRATIVE").await;
        let state = if allow { "accepted" } else { "rejected" };
        assert_eq!((status, &told["state"]), (200, &json!(state)), "{told}");
        let (status, told) = site.decide(&request, !allow, "CORE-NARRATIVE").await;
        assert_eq!((status, &told["code"]), (409, &json!("state")), "{told}");
        let decided = site.audited(&request, "hold.decided").await;
        assert_eq!(decided.len(), 1);
        assert_eq!(decided[0]["clauses"], json!(["CORE-NARRATIVE"]));
        if allow {
            site.follow(&request).await;
            // It was accepted by a human, not by the check.
            let wanted =
                [("search_request.accepted", 0), ("answer.sealed", 1), ("answer.delivered", 1)];
            site.assert_times(&request, "held, then allowed", &wanted).await;
            site.open_answer(&request).await;
        } else {
            let kept = format!("SELECT count(*) FROM probes WHERE request = '{request}'");
            assert_eq!(site.number(&kept).await, 0, "the images of a refused form are not kept");
            let status = site.status(&request).await;
            assert_eq!((&status["state"], &status["outcome"]), (&json!("rejected"), &Value::Null));
            site.assert_times(&request, "held, then refused", &[("search_request.offered", 0)])
                .await;
        }
        site.nothing_waits(&request).await;
    }
}

/// Decisions that are none.
async fn undecided(site: &mut Site, request: &str) {
    let path = format!("holds/{request}/decide");
    let sound =
        json!({ "allow": true, "reason": "The supervisor told why.", "clause": "CORE-NARRATIVE" });
    let reviewer = site.reviewer(0);
    let (status, told) = site.call(("POST", &path), &reviewer, Some(&sound)).await;
    assert_eq!((status, &told["code"]), (403, &json!("role")), "{told}");
    let administrator = site.administrator();
    for (member, value) in [("reason", "so."), ("clause", "CORE-UNHEARD-OF")] {
        let mut body = sound.clone();
        body[member] = json!(value);
        let (status, told) = site.call(("POST", &path), &administrator, Some(&body)).await;
        assert_eq!((status, &told["code"]), (422, &json!(member)), "{told}");
    }
    assert_eq!(site.status(request).await["state"], "held");
}

pub(crate) fn standing(registry: &mut Registry, standing: AgencyStanding) {
    let mut agencies = registry.agencies.iter_mut().map(|entry| &mut entry.agency);
    agencies.find(|agency| agency.ori.as_str() == AGENCY).unwrap().standing = standing;
}

async fn an_answer_that_was_held_leaves_when_a_human_allows_it(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.concluded(&lead("A1")).await;
    // Released, but not yet sealed, when the agency is suspended.
    site.serve_roles(Some("api")).await;
    site.release(&request).await;
    site.registry(|registry| standing(registry, AgencyStanding::Suspended)).await;
    site.serve_roles(None).await;
    let status = site.until_held_by_administrator(&request).await;
    assert_eq!(status["findings"][0]["clause"], "CORE-STANDING", "{status}");
    let (status, told) = site.decide(&request, true, "CORE-STANDING").await;
    assert_eq!(status, 200, "{told}");
    site.sent(&request).await;
    site.registry(|registry| standing(registry, AgencyStanding::Active)).await;
    site.open_answer(&request).await;
    site.assert_ledger(&request, "held, then allowed to leave").await;
    site.assert_times(&request, "held once", &[("answer.held", 1), ("hold.decided", 1)]).await;
}

async fn a_job_of_a_suspended_agency_waits_until_it_is_reinstated(setup: Setup) {
    let mut site = Site::new(setup);
    site.serve_roles(Some("api,check,relay")).await;
    let (_, receipt) = site.submit().await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    site.until(&request, &["accepted"]).await;
    site.registry(|registry| standing(registry, AgencyStanding::Suspended)).await;
    site.serve_roles(None).await;
    site.until_held_by_administrator(&request).await;
    // No human overrules what a policy forbids.
    let (status, told) = site.decide(&request, true, "CORE-STANDING").await;
    assert_eq!(status, 200, "{told}");
    site.until_held_by_administrator(&request).await;
    site.registry(|registry| standing(registry, AgencyStanding::Active)).await;
    let (status, told) = site.decide(&request, true, "CORE-STANDING").await;
    assert_eq!(status, 200, "{told}");
    site.follow(&request).await;
    site.assert_ledger(&request, "suspended in the queue").await;
}
