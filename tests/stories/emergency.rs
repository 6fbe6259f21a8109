//! An imminent threat is served at once and proved after: the call-back, the supervisor's word, and what follows without.

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::Keys;
use leadbroker::domain::Role;
use leadbroker::id_source::SystemIds;
use leadbroker::registry::{Recipient, Registry};
use serde_json::{Value, json};

use crate::site::forms::AGENCY;
use crate::site::people::lead;
use crate::site::{Setup, Site};

crate::both!(
    an_emergency_is_answered_at_once_and_confirmed_in_time,
    an_emergency_that_nobody_confirms_suspends_the_requester_and_its_answer_never_leaves,
    an_emergency_that_the_agency_denies_stops_at_once,
    a_suspension_holds_the_answer_to_an_earlier_request,
    an_answer_that_has_left_cannot_be_called_back_and_the_agency_is_told,
    an_answer_of_a_failed_emergency_is_passed_on_to_nobody_and_who_has_a_copy_is_told,
    an_agency_without_a_number_is_held_and_a_missed_call_back_stops_the_answer,
    an_emergency_about_what_is_asked_already_is_served_as_one,
);

/// Another agency, and its mailbox.
const OTHER: &str = "CA0560400";
const RECORDS: &str = "records@coast.example.gov";

/// A form about a child in danger.
fn threat(form: &mut Value) {
    form["purpose"] = json!({
        "kind": "imminent_threat", "threat": "A child was taken an hour ago and is in danger.",
        "supervisor": { "name": "Sam Supervisor", "phone": "+12135550143" }, "call_back": "+12135559999"
    });
}

async fn accepted(site: &mut Site) -> String {
    let (status, receipt) = site.submit_changed(&threat).await;
    assert_eq!((status, &receipt["state"]), (201, &json!("accepted")), "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    site.until(&request, &["queued"]).await;
    request
}

/// The request, examined twice, waits for its release.
async fn examined(site: &mut Site, request: &str) {
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    site.examine(request, "conclude", &first, &lead("A1")).await;
    let state = site.examine(request, "second-review", &second, &lead("A1")).await;
    assert_eq!(state, "awaiting_release");
}

/// The time of a duty has passed; the sweeper sees it within its five seconds.
async fn duty_passes(site: &Site, request: &str, duty: &str) {
    let past = format!(
        "UPDATE emergency_duties SET due_at = 1 WHERE request = '{request}' AND kind = '{duty}'"
    );
    assert_eq!(site.sql(&past).await, 1);
}

fn duty<'d>(told: &'d Value, kind: &str) -> &'d Value {
    let duties = told["duties"].as_array().unwrap();
    duties.iter().find(|duty| duty["duty"] == kind).unwrap_or_else(|| panic!("{told}"))
}

async fn confirm(site: &mut Site, request: &str, name: &str) -> (u16, Value) {
    let body = json!({ "name": name, "title": "Sergeant", "statement": "The child is missing since noon." });
    let (agency, path) =
        (site.agency(), format!("search-requests/{request}/emergency-confirmation"));
    site.call(("POST", &path), &agency, Some(&body)).await
}

/// Suspensions as the administrator lists them.
fn suspensions(site: &Site) -> Vec<Value> {
    let told = site.cli_json(&site.administrator(), &["suspensions", "list"]);
    told["items"].as_array().unwrap().clone()
}

async fn an_emergency_is_answered_at_once_and_confirmed_in_time(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = accepted(&mut site).await;
    let (reviewer, agency) = (site.reviewer(0), site.agency());
    let list = site.cli_json(&reviewer, &["emergency", "list"]);
    let owed: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|i| &i["duty"]).collect();
    assert_eq!(owed, ["call_back", "confirmation"], "{list}");
    let sheet = site.cli_json(&reviewer, &["emergency", "show", &request]);
    assert_eq!(sheet["call_back"], "+12135550100", "the registry's, not the form's: {sheet}");
    assert!(!sheet.to_string().contains("+12135559999"), "{sheet}");
    assert_eq!(site.audited(&request, "emergency.read").await.len(), 1);

    // Whose number nobody answers is tried again; every attempt is kept.
    let call = |outcome: &'static str| {
        ["emergency", "call-back", &request, "--outcome", outcome].map(ToOwned::to_owned)
    };
    let run = |site: &Site, arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        site.cli_json(&site.reviewer(0), &arguments)
    };
    let told = run(&site, &call("not-reached"));
    assert_eq!(duty(&told, "call_back")["done_at"], Value::Null, "{told}");
    let nameless =
        site.cli(&reviewer, &["emergency", "call-back", &request, "--outcome", "confirmed"]);
    assert!(String::from_utf8_lossy(&nameless.stderr).contains("shape"), "{nameless:?}");
    let named = [&call("confirmed")[..], &["--spoke-to-name".to_owned(), "Desk Sample".to_owned()]]
        .concat();
    let told = run(&site, &named);
    assert_eq!(duty(&told, "call_back")["outcome"], "confirmed", "{told}");
    let sheet = site.cli_json(&reviewer, &["emergency", "show", &request]);
    let attempts = sheet["attempts"].as_array().unwrap();
    let outcomes: Vec<&Value> = attempts.iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["not_reached", "confirmed"], "{sheet}");
    assert_eq!(attempts[1]["spoke_to_name"], "Desk Sample");
    // Another reviewer, who may have to examine blindly, reads no free text of the first.
    let sheet = site.cli_json(&site.reviewer(1), &["emergency", "show", &request]);
    assert_eq!(sheet["attempts"][1]["outcome"], "confirmed", "{sheet}");
    assert!(!sheet.to_string().contains("Desk Sample"), "{sheet}");
    let sheet = site.cli_json(&site.administrator(), &["emergency", "show", &request]);
    assert_eq!(sheet["attempts"][1]["spoke_to_name"], "Desk Sample", "{sheet}");
    let again: Vec<&str> = named.iter().map(String::as_str).collect();
    assert!(String::from_utf8_lossy(&site.cli(&reviewer, &again).stderr).contains("state"));

    // The answer does not wait for a confirmation that is not due.
    examined(&mut site, &request).await;
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    let (status, told) = confirm(&mut site, &request, "SAMPLE, Jordan").await;
    assert_eq!((status, &told["errors"][0]["code"]), (422, &json!("same_person")), "{told}");
    let other = site.other_agency();
    let path = format!("search-requests/{request}/emergency-confirmation");
    let body = json!({ "name": "Sam Supervisor", "title": "Sergeant", "statement": "The child is missing." });
    assert_eq!(site.call(("POST", &path), &other, Some(&body)).await.0, 404);
    let told = site.cli_json(
        &agency,
        &[
            "confirm-emergency",
            &request,
            "--name",
            "Sam Supervisor",
            "--title",
            "Sergeant",
            "--statement",
            "The child is missing since noon.",
        ],
    );
    assert_eq!(told["emergency"], "done", "{told}");
    assert_eq!(confirm(&mut site, &request, "Sam Supervisor").await.0, 409);

    // Their time passes, and nothing follows.
    duty_passes(&site, &request, "confirmation").await;
    duty_passes(&site, &request, "call_back").await;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(suspensions(&site), Vec::<Value>::new());
    assert_eq!(site.cli_json(&reviewer, &["emergency", "list"])["items"], json!([]));
    assert_eq!(site.number(&format!("SELECT count(*) FROM case_records WHERE request = '{request}' AND kind IN ('call_back', 'confirmation')")).await, 3);
    for mark in ["Desk Sample", "Sam Supervisor", "12135550100"] {
        assert!(!json!(site.audit("emergency").await).to_string().contains(mark), "{mark}");
    }
    site.open_answer(&request).await;
    site.assert_ledger(&request, "confirmed").await;
    let times = [("emergency.begun", 1), ("emergency.call_back", 2), ("emergency.confirmed", 1)];
    site.assert_times(&request, "confirmed", &times).await;
}

/// The next form of the same person is refused, until the administrator lifts the suspension.
async fn refused_until_lifted(site: &mut Site, cause: (&str, &str)) {
    let (status, told) = site.submit().await;
    assert_eq!((status, &told["state"]), (422, &json!("rejected")), "{told}");
    assert_eq!(told["findings"][0]["clause"], "CORE-SUSPENDED", "{told}");
    assert_eq!(told["findings"][0]["field"], "/requester/email");
    let refused = told["request"].as_str().unwrap().to_owned();
    refused_as_explained(site, &refused).await;
    let listed = suspensions(site);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!((&listed[0]["request"], &listed[0]["cause"]), (&json!(cause.0), &json!(cause.1)));
    assert_eq!(listed[0]["requester"]["email"], "jsample@pd.example.gov");
    let administrator = site.administrator();
    let id = listed[0]["suspension"].as_str().unwrap().to_owned();
    let path = format!("suspensions/{id}/lift");
    let body = json!({ "reason": "so" });
    let (status, told) = site.call(("POST", &path), &administrator, Some(&body)).await;
    assert_eq!((status, &told["code"]), (422, &json!("reason")), "{told}");
    let officer = site.token(Role::ReleaseAuthority, 0);
    assert_eq!(site.call(("POST", &path), &officer, Some(&body)).await.0, 403);
    let lift = [
        "suspensions",
        "lift",
        &id,
        "--reason",
        "The chief of the agency vouched for the officer.",
    ];
    assert_eq!(site.cli_json(&administrator, &lift)["state"], "lifted");
    assert_eq!(site.cli(&administrator, &lift).status.code(), Some(1), "once");
    assert!(suspensions(site)[0]["lifted_at"].is_string());
    assert_eq!(site.audited(cause.0, "suspension.lifted").await.len(), 1);
    let (status, told) = site.submit().await;
    assert_eq!((status, &told["state"]), (201, &json!("accepted")), "{told}");
    // What was refused then is explained as it was then.
    refused_as_explained(site, &refused).await;
}

/// The explanation of a request that was refused for the suspension of its requester says so.
async fn refused_as_explained(site: &mut Site, request: &str) {
    let administrator = site.administrator();
    let path = format!("search-requests/{request}/explanation");
    let (_, told) = site.call(("GET", &path), &administrator, None).await;
    assert_eq!(told["verdict"], "reject", "{told}");
    let rules = told["rules"].as_array().unwrap();
    assert!(
        rules
            .iter()
            .any(|rule| { rule["clause"] == "CORE-SUSPENDED" && rule["verdict"] == "reject" }),
        "{told}"
    );
}

async fn an_emergency_that_nobody_confirms_suspends_the_requester_and_its_answer_never_leaves(
    setup: Setup,
) {
    let mut site = Site::serving(setup).await;
    let request = accepted(&mut site).await;
    examined(&mut site, &request).await;
    // The due time is in the table: a program that was down when it passed enforces it when it is back.
    site.serve_roles(Some("api")).await;
    site.release(&request).await;
    duty_passes(&site, &request, "confirmation").await;
    site.serve_roles(None).await;
    let hold = site.until_held_by_administrator(&request).await;
    assert_eq!(hold["findings"][0]["clause"], "CORE-EMERGENCY", "{hold}");
    site.until_audited(&request, "requester.suspended", 1).await;
    refused_until_lifted(&mut site, (&request, "unconfirmed")).await;

    // Recalled before it left: it never leaves.
    let told = site.cli_json(&site.administrator(), &["holds", "show", &request]);
    assert!(told["if_refused"].as_str().unwrap().contains("never leaves"), "{told}");
    let (status, told) = site.decide(&request, false, "CORE-EMERGENCY").await;
    assert_eq!((status, &told["state"]), (200, &json!("rejected")), "{told}");
    site.nothing_waits(&request).await;
    for id in site.message_ids(&request).await {
        assert_eq!(site.mails_with(&id).len(), 0, "no mail left");
    }
    let times = [("answer.delivered", 0), ("requester.suspended", 1), ("hold.decided", 1)];
    site.assert_times(&request, "never confirmed", &times).await;
}

async fn an_emergency_that_the_agency_denies_stops_at_once(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = accepted(&mut site).await;
    let reviewer = site.reviewer(0);
    let lease = site.claimed(&request, &reviewer).await;
    let body = json!({ "outcome": "denied", "spoke_to_name": "Desk Sample", "note": "No such officer on duty." });
    let path = format!("emergencies/{request}/call-back");
    let auditor = site.token(Role::Auditor, 0);
    assert_eq!(site.call(("POST", &path), &auditor, Some(&body)).await.0, 403);
    let (status, told) = site.call(("POST", &path), &reviewer, Some(&body)).await;
    assert_eq!((status, &told["emergency"]), (200, &json!("denied")), "{told}");

    // In the same breath: held, the claim is gone, the requester suspended.
    let hold = site.until_held_by_administrator(&request).await;
    assert_eq!((&hold["role"], &hold["lane"]), (&json!("local_administrator"), &json!("threat")));
    let exam = lead("A1");
    let (status, told) = site.record((&request, "conclude"), &reviewer, (lease, &exam)).await;
    assert_eq!(status, 409, "{told}");
    assert_eq!(site.status(&request).await["state"], "held");
    let stopped = site.audited(&request, "emergency.stopped").await;
    assert_eq!(
        (&stopped[0]["detail"]["stage"], &stopped[0]["detail"]["cause"]),
        (&json!("leased"), &json!("denied"))
    );
    refused_until_lifted(&mut site, (&request, "denied")).await;

    // A person may let it go on; the release asks once more.
    let (status, told) = site.decide(&request, true, "CORE-EMERGENCY").await;
    assert_eq!((status, &told["state"]), (200, &json!("accepted")), "{told}");
    site.until(&request, &["queued"]).await;
    examined(&mut site, &request).await;
    let hash = hex::encode(openssl::sha::sha256(&site.document(&request).await));
    let (status, told) = site.release_document(&request, &hash).await;
    assert_eq!((status, &told["state"]), (200, &json!("held")), "{told}");
    assert_eq!(told["findings"][0]["clause"], "CORE-EMERGENCY", "{told}");
    let (status, told) = site.decide(&request, true, "CORE-EMERGENCY").await;
    assert_eq!((status, &told["state"]), (200, &json!("awaiting_release")), "{told}");
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    let times = [("requester.suspended", 1), ("emergency.stopped", 1), ("hold.decided", 2)];
    site.assert_times(&request, "denied", &times).await;
}

async fn a_suspension_holds_the_answer_to_an_earlier_request(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let earlier = site.queued().await;
    examined(&mut site, &earlier).await;
    let request = accepted(&mut site).await;
    duty_passes(&site, &request, "confirmation").await;
    site.until_audited(&request, "requester.suspended", 1).await;
    let hash = hex::encode(openssl::sha::sha256(&site.document(&earlier).await));
    let (status, told) = site.release_document(&earlier, &hash).await;
    assert_eq!((status, &told["state"]), (200, &json!("held")), "{told}");
    let clauses: Vec<&Value> =
        told["findings"].as_array().unwrap().iter().map(|finding| &finding["clause"]).collect();
    assert_eq!(clauses, ["CORE-SUSPENDED"]);
    // Lifted, the answer goes its way.
    let suspension = suspensions(&site)[0]["suspension"].as_str().unwrap().to_owned();
    let reason = ["--reason", "The supervisor was away and has confirmed since."];
    let lift = [&["suspensions", "lift", &suspension], &reason[..]].concat();
    let _ = site.cli_json(&site.administrator(), &lift);
    let (status, told) = site.decide(&earlier, true, "CORE-SUSPENDED").await;
    assert_eq!((status, &told["state"]), (200, &json!("awaiting_release")), "{told}");
    site.release(&earlier).await;
    site.until(&earlier, &["delivered"]).await;
    site.assert_sound("held for a suspension").await;
}

async fn an_answer_that_has_left_cannot_be_called_back_and_the_agency_is_told(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = accepted(&mut site).await;
    examined(&mut site, &request).await;
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    duty_passes(&site, &request, "confirmation").await;
    site.until_audited(&request, "recall.impossible", 1).await;
    let entry = site.audited(&request, "recall.impossible").await;
    assert!(entry[0]["detail"]["delivered_at"].is_string(), "{entry:?}");
    let agency = site.agency();
    let (_, events) =
        site.call(("GET", &format!("search-requests/{request}/events")), &agency, None).await;
    let notices: Vec<&Value> = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "gov.leadbroker.search_request.recall_notice.v1")
        .collect();
    assert_eq!(notices.len(), 1, "{events}");
    assert_eq!(notices[0]["data"]["findings"][0]["clause"], "CORE-EMERGENCY");
    refused_until_lifted(&mut site, (&request, "unconfirmed")).await;
    // A late word is taken, and undoes nothing.
    let (status, told) = confirm(&mut site, &request, "Sam Supervisor").await;
    assert_eq!(status, 200, "{told}");
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let times = [("requester.suspended", 1), ("recall.impossible", 1), ("answer.delivered", 1)];
    site.assert_times(&request, "delivered", &times).await;
}

/// Passes the answer on to the other agency.
async fn pass_on(site: &mut Site, request: &str, purpose: &str) -> (u16, Value) {
    let order = json!({
        "recipient_ori": OTHER, "recipient_email": RECORDS, "purpose": purpose,
        "right_to_know": "A sworn investigator of the agency.", "need_to_know": "Assigned to the same series of cases.",
    });
    let officer = site.officer();
    site.call(("POST", &format!("jobs/{request}/disclose")), &officer, Some(&order)).await
}

async fn deny(site: &mut Site, request: &str) {
    let (reviewer, path) = (site.reviewer(0), format!("emergencies/{request}/call-back"));
    let body = json!({ "outcome": "denied", "spoke_to_name": "Desk Sample" });
    let (status, told) = site.call(("POST", &path), &reviewer, Some(&body)).await;
    assert_eq!((status, &told["emergency"]), (200, &json!("denied")), "{told}");
}

/// The notices that an agency reads about a request.
async fn notices(site: &mut Site, request: &str, token: &str) -> usize {
    let path = format!("search-requests/{request}/events");
    let (_, events) = site.call(("GET", &path), token, None).await;
    let kind = "gov.leadbroker.search_request.recall_notice.v1";
    events.as_array().map_or(0, |all| all.iter().filter(|event| event["type"] == kind).count())
}

async fn an_answer_of_a_failed_emergency_is_passed_on_to_nobody_and_who_has_a_copy_is_told(
    setup: Setup,
) {
    let mut site = Site::serving(setup).await;
    let keys = Keys::make(&site.path("coast"), RECORDS, &SystemIds, SystemClock.now()).unwrap();
    site.registry(|registry| {
        registry.recipients.push(Recipient {
            agency: OTHER.parse().unwrap(),
            email: RECORDS.to_owned(),
            certificate: keys.recipient_pem.clone(),
            reads_gcm: false,
        });
    })
    .await;
    let request = accepted(&mut site).await;
    examined(&mut site, &request).await;
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    assert_eq!(
        pass_on(&mut site, &request, "A joint investigation of both agencies.").await.0,
        200
    );
    site.until_audited(&request, "answer.disclosure_delivered", 1).await;
    // A second copy has not left when the agency says that it knows of no emergency.
    site.serve_roles(Some("api")).await;
    assert_eq!(pass_on(&mut site, &request, "A review of the case by both agencies.").await.0, 200);
    assert_eq!(site.mailing_status(&request).await, ["sent", "sent", "queued"]);
    deny(&mut site, &request).await;
    assert_eq!(site.mailing_status(&request).await, ["sent", "sent", "refused"]);
    let recalled = site.audited(&request, "answer.disclosure_recalled").await;
    assert_eq!((recalled.len(), &recalled[0]["agency"]), (1, &json!(OTHER)));
    let (asker, other) = (site.agency(), site.agency_of(OTHER));
    assert_eq!(notices(&mut site, &request, &asker).await, 1);
    assert_eq!(notices(&mut site, &request, &other).await, 1);
    let path = format!("search-requests/{request}");
    assert_eq!(site.call(("GET", &path), &other, None).await.0, 404, "and nothing else");

    // Nobody is given another copy, and the one that waited never leaves.
    let (status, told) =
        pass_on(&mut site, &request, "A third investigation of both agencies.").await;
    assert_eq!((status, &told["findings"][0]["clause"]), (422, &json!("CORE-EMERGENCY")));
    site.serve_roles(None).await;
    site.nothing_waits(&request).await;
    let times = [
        ("recall.impossible", 1),
        ("requester.suspended", 1),
        ("answer.disclosed", 2),
        ("delivery.attempted", 2),
        ("answer.disclosure_delivered", 1),
    ];
    site.assert_times(&request, "passed on", &times).await;
}

async fn an_agency_without_a_number_is_held_and_a_missed_call_back_stops_the_answer(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let number = |registry: &mut Registry, number: Option<&str>| {
        let mut agencies = registry.agencies.iter_mut().map(|entry| &mut entry.agency);
        let agency = agencies.find(|agency| agency.ori.as_str() == AGENCY).unwrap();
        agency.call_back = number.map(ToOwned::to_owned);
    };
    site.registry(|registry| number(registry, None)).await;
    let (status, receipt) = site.submit_changed(&threat).await;
    assert_eq!((status, &receipt["state"]), (201, &json!("held")), "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    assert_eq!(receipt["findings"][0]["clause"], "CORE-EMERGENCY", "{receipt}");
    let reviewer = site.reviewer(0);
    let sheet = site.cli_json(&reviewer, &["emergency", "show", &request]);
    assert_eq!(sheet["call_back"], Value::Null, "{sheet}");
    let path = format!("emergencies/{request}/call-back");
    let body = json!({ "outcome": "not_reached" });
    let (status, told) = site.call(("POST", &path), &reviewer, Some(&body)).await;
    assert_eq!((status, &told["code"]), (409, &json!("call_back_missing")), "{told}");
    let due = site.until_held_by_administrator(&request).await;
    let at = |member: &str| {
        due[member].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    };
    let minutes = (at("deadline_at") - at("received_at")).num_minutes();
    assert!((14..=15).contains(&minutes), "a threat is decided in minutes: {due}");

    site.registry(|registry| number(registry, Some("+12135550100"))).await;
    let (status, told) = site.decide(&request, true, "CORE-EMERGENCY").await;
    assert_eq!((status, &told["state"]), (200, &json!("accepted")), "{told}");
    site.until(&request, &["queued"]).await;
    assert_eq!(confirm(&mut site, &request, "Sam Supervisor").await.0, 200);
    examined(&mut site, &request).await;
    // The unit's own omission stops the answer and suspends nobody.
    duty_passes(&site, &request, "call_back").await;
    let list = site.cli_json(&reviewer, &["emergency", "list"]);
    assert_eq!(list["items"][0]["overdue"], json!(true), "{list}");
    let hash = hex::encode(openssl::sha::sha256(&site.document(&request).await));
    let (_, told) = site.release_document(&request, &hash).await;
    assert_eq!(
        (&told["state"], &told["findings"][0]["clause"]),
        (&json!("held"), &json!("CORE-EMERGENCY"))
    );
    assert_eq!(suspensions(&site), Vec::<Value>::new());
    let body = json!({ "outcome": "confirmed", "spoke_to_name": "Desk Sample" });
    assert_eq!(site.call(("POST", &path), &reviewer, Some(&body)).await.0, 200);
    let (_, told) = site.decide(&request, true, "CORE-EMERGENCY").await;
    assert_eq!(told["state"], "awaiting_release", "{told}");
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    site.open_answer(&request).await;
    site.assert_sound("a missed call-back").await;
}

async fn an_emergency_about_what_is_asked_already_is_served_as_one(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let form = site.form().await;
    let (status, receipt) = site.send_under("as-routine", &form).await;
    assert_eq!((status, &receipt["state"]), (201, &json!("accepted")), "{receipt}");
    let routine = receipt["request"].as_str().unwrap().to_owned();

    // The same case and the same image, and now a life is at stake.
    let mut urgent = form.clone();
    threat(&mut urgent);
    let (status, receipt) = site.send_under("as-threat", &urgent).await;
    assert_eq!((status, &receipt["state"]), (201, &json!("accepted")), "{receipt}");
    assert_eq!(receipt["duplicate_of"], Value::Null, "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    assert_ne!(request, routine);
    let lanes = "SELECT lane FROM search_requests ORDER BY id";
    assert_eq!(site.column(lanes).await, ["routine", "threat"]);
    site.until(&request, &["queued"]).await;
    let list = site.cli_json(&site.reviewer(0), &["emergency", "list"]);
    let owed: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|i| &i["duty"]).collect();
    assert_eq!(owed, ["call_back", "confirmation"], "{list}");
    site.until_audited(&request, "emergency.begun", 1).await;
    let paged = format!("SELECT count(*) FROM pages WHERE request = '{request}'");
    assert!(site.number(&paged).await > 0, "somebody is paged");

    // The emergency is there now: neither it nor what is less urgent comes twice.
    for (key, form) in [("again-as-threat", &urgent), ("again-as-routine", &form)] {
        let (status, receipt) = site.send_under(key, form).await;
        assert_eq!((status, &receipt["duplicate_of"]), (200, &json!(request)), "{key}: {receipt}");
    }
    // Taken back, it is nothing that is repeated; the routine request still is.
    let (status, told) = site.withdraw(&request).await;
    assert_eq!(status, 200, "{told}");
    let (status, receipt) = site.send_under("after-all-routine", &form).await;
    assert_eq!((status, &receipt["duplicate_of"]), (200, &json!(routine)), "{receipt}");
    let (status, receipt) = site.send_under("after-all-threat", &urgent).await;
    assert_eq!((status, &receipt["duplicate_of"]), (201, &Value::Null), "{receipt}");
    assert_eq!(site.column(lanes).await, ["routine", "threat", "threat"]);
    site.assert_sound("an emergency about a case that is asked already").await;
}
