//! What becomes of an answer when the mail server is away, defers, refuses or falls silent, and when its recipient has no
//! key: it arrives, or a person reads why it does not; never in the clear.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "support/mta.rs"]
#[expect(dead_code, reason = "other tests use all that it can do")]
mod mta;
#[path = "support/site.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test may panic, reads where its services are, and uses what it needs of the site"
)]
mod site;

use std::sync::Arc;

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::Keys;
use leadbroker::domain::AgencyStanding;
use leadbroker::id_source::SystemIds;
use leadbroker::registry::Registry;
use mta::{Accepted, Act, Mta, Script, Stage};
use serde_json::{Value, json};
use site::forms::{AGENCY, REQUESTER};
use site::patience::Patience;
use site::people::{examination, lead};
use site::{Setup, Site};
use tokio::sync::Notify;

crate::both!(
    a_server_that_is_away_or_defers_gets_the_mail_later,
    a_fault_after_many_deferrals_is_no_dead_letter,
    a_refused_mail_waits_for_a_person_who_reads_why,
    a_mail_whose_last_answer_is_lost_is_sent_again_byte_for_byte,
    what_changes_while_a_server_thinks_is_no_second_mail,
    an_attempt_that_ends_after_another_one_delivered_the_answer_is_no_dissemination,
    a_recipient_without_a_certificate_gets_nothing_until_there_is_one,
    an_agency_that_is_suspended_while_its_mail_waits_gets_nothing_until_a_person_allows_it,
    a_suspended_requesters_mail_waits_for_a_person_and_leaves_by_the_decision,
    a_certificate_that_is_replaced_while_the_mail_waits_gets_the_answer_sealed_anew,
    a_mail_that_waits_is_called_back_when_nobody_confirms_the_emergency,
    an_image_store_that_is_away_keeps_no_denied_emergency_from_being_called_back,
    a_page_goes_by_mail_over_verified_tls_and_is_tried_again,
);

async fn begin(setup: Setup) -> (Site, Mta) {
    let mta = Mta::start(Script::default()).await;
    let site = Site::serving(setup.with_smtp(mta.port(), mta.ca_pem())).await;
    (site, mta)
}

/// The mails of a request that the server took.
async fn taken(site: &Site, mta: &Mta, request: &str) -> Vec<Accepted> {
    let ids = site.message_ids(request).await;
    let of_request = |mail: &Accepted| {
        let text = String::from_utf8_lossy(&mail.bytes);
        ids.iter().any(|id| text.contains(id))
    };
    mta.accepted().into_iter().filter(of_request).collect()
}

fn assert_nothing_in_clear(mta: &Mta) {
    let heard = mta.heard_in_clear();
    let rest = heard.replace("EHLO leadbroker.example.gov\r\n", "").replace("STARTTLS\r\n", "");
    assert_eq!(rest, "", "sent in clear");
    for mail in mta.accepted() {
        assert_eq!(mail.from, "MAIL FROM:<answers@leadbroker.example.gov>");
        assert_eq!(mail.to, ["RCPT TO:<jsample@pd.example.gov>"]);
        let text = String::from_utf8_lossy(&mail.bytes).into_owned();
        // Each holds a character that base64 has not.
        for mark in ["Jordan Sample", "SAMPLE, CASEY", "24-0000", "%PDF", "No-Match"] {
            assert!(!text.contains(mark), "`{mark}` in a mail");
        }
    }
}

async fn a_server_that_is_away_or_defers_gets_the_mail_later(setup: Setup) {
    let (mut site, mut mta) = begin(setup).await;
    let acts = [
        None,
        Some((Stage::Rcpt, Act::Reply("450 4.2.0 try again"))),
        Some((Stage::Dot, Act::Reply("451 4.3.0 not now"))),
        Some((Stage::Mail, Act::Reply("421 4.3.2 closing"))),
        Some((Stage::Greeting, Act::Reply("554 5.3.2 not today"))),
    ];
    for act in acts {
        let plan = format!("{act:?}");
        // A pooled connection would pass the greeting by.
        mta.go().await;
        let is_away = act.is_none();
        if let Some((stage, act)) = act {
            mta.on(stage, act);
            mta.come_back().await;
        }
        let request = site.concluded(&examination("no_match")).await;
        site.release(&request).await;
        site.until_mailing(&request, "deferred").await;
        assert_eq!(site.status(&request).await["state"], "delivering", "{plan}");
        assert_eq!(taken(&site, &mta, &request).await, [], "{plan}");
        if is_away {
            // Still away at the second attempt.
            site.retry_is_due(&request).await;
            site.until_audited(&request, "delivery.deferred", 2).await;
            mta.come_back().await;
        }
        site.retry_is_due(&request).await;
        site.until(&request, &["delivered"]).await;
        let mails = taken(&site, &mta, &request).await;
        assert_eq!(mails.len(), 1, "{plan}");
        site.open_mail(&request, &mails[0].bytes);
        site.assert_ledger(&request, &plan).await;
        let deferred = if is_away { 2 } else { 1 };
        let wanted = [("delivery.deferred", deferred), ("delivery.attempted", deferred + 1)];
        site.assert_times(&request, &plan, &wanted).await;
    }
    assert_nothing_in_clear(&mta);
}

async fn a_fault_after_many_deferrals_is_no_dead_letter(setup: Setup) {
    let (mut site, mut mta) = begin(setup).await;
    let request = deferred(&mut site, &mut mta).await;
    for times in 2..=6 {
        site.retry_is_due(&request).await;
        site.until_audited(&request, "delivery.deferred", times).await;
    }
    std::fs::rename(site.path("images"), site.path("away")).unwrap();
    site.retry_is_due(&request).await;
    until_failed(&site, &request, "vault").await;
    let _ = std::fs::remove_dir_all(site.path("images"));
    std::fs::rename(site.path("away"), site.path("images")).unwrap();
    next_attempt(&site, &mut mta, &request).await;
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "a fault after many deferrals").await;
    let wanted = [("delivery.attempted", 7), ("delivery.deferred", 6), ("message.dead", 0)];
    site.assert_times(&request, "a fault after many deferrals", &wanted).await;
    assert_nothing_in_clear(&mta);
}

async fn a_refused_mail_waits_for_a_person_who_reads_why(setup: Setup) {
    let (mut site, mta) = begin(setup).await;
    for (stage, answer, code) in [
        (Stage::Rcpt, "550 5.1.1 jsample is unknown here", "rcpt: 550/5.1.1"),
        (Stage::Dot, "554 5.7.1 refused by policy", "final_dot: 554/5.7.1"),
    ] {
        mta.on(stage, Act::Reply(answer));
        let request = site.concluded(&lead("A1")).await;
        site.release(&request).await;
        let hold = site.until_held_by_administrator(&request).await;
        assert_eq!(hold["findings"][0]["clause"], "CORE-UNDELIVERED", "{hold}");
        let message = hold["findings"][0]["message"].as_str().unwrap();
        assert!(message.contains(code) && !message.contains("jsample"), "{message}");
        let status = site.status(&request).await;
        assert_eq!((&status["state"], &status["findings"]), (&json!("held"), &hold["findings"]));
        assert_eq!(site.mailing_status(&request).await, ["refused"]);
        assert_eq!(taken(&site, &mta, &request).await, []);
        // A released answer cannot be unsaid, only sent.
        let (status, told) = site.decide(&request, false, "CORE-UNDELIVERED").await;
        assert_eq!((status, &told["code"]), (409, &json!("state")), "{told}");

        let (status, told) = site.decide(&request, true, "CORE-UNDELIVERED").await;
        assert_eq!(status, 200, "{told}");
        site.until(&request, &["delivered"]).await;
        assert_eq!(site.mailing_status(&request).await, ["refused", "sent"]);
        // Other bytes bear another Message-ID: a server that saw the first one would drop the second.
        let ids = site.message_ids(&request).await;
        assert_ne!(ids[0], ids[1], "{code}");
        let mails = taken(&site, &mta, &request).await;
        assert_eq!(mails.len(), 1, "{code}");
        let text = String::from_utf8_lossy(&mails[0].bytes).into_owned();
        assert!(text.contains(&format!("Message-ID: {}", ids[1])), "{code}");
        let words = site.open_mail(&request, &mails[0].bytes);
        assert!(words.contains("SAMPLE, CASEY"), "{words}");
        site.nothing_waits(&request).await;
        let wanted = [
            ("answer.released", 1),
            ("answer.sealed", 2),
            ("delivery.refused", 1),
            ("hold.decided", 1),
            ("answer.delivered", 1),
        ];
        site.assert_times(&request, code, &wanted).await;
    }
    assert_nothing_in_clear(&mta);
}

async fn a_mail_whose_last_answer_is_lost_is_sent_again_byte_for_byte(setup: Setup) {
    let (mut site, mta) = begin(setup).await;
    for act in [Act::TakeAndClose, Act::TakeAndHang] {
        let plan = format!("{act:?}");
        mta.on(Stage::Dot, act);
        let request = site.concluded(&lead("A1")).await;
        site.release(&request).await;
        site.until_mailing(&request, "indeterminate").await;
        assert_eq!(site.status(&request).await["state"], "delivering", "{plan}");
        site.retry_is_due(&request).await;
        site.until(&request, &["delivered"]).await;
        let mails = taken(&site, &mta, &request).await;
        assert_eq!(mails.len(), 2, "{plan}: nobody can know of the first");
        assert_eq!(mails[0], mails[1], "{plan}: the recipient's program sees one Message-ID");
        let text = String::from_utf8_lossy(&mails[0].bytes).into_owned();
        let id = &site.message_ids(&request).await[0];
        assert!(text.contains(&format!("Message-ID: {id}")), "{id}");
        site.open_mail(&request, &mails[1].bytes);
        site.assert_ledger(&request, &plan).await;
        let wanted = [("delivery.indeterminate", 1), ("delivery.attempted", 2)];
        site.assert_times(&request, &plan, &wanted).await;
    }
    assert_nothing_in_clear(&mta);
}

async fn what_changes_while_a_server_thinks_is_no_second_mail(setup: Setup) {
    let patient = Setup { smtp_deadline: 60, ..setup };
    let (mut site, mta) = begin(patient).await;
    let goes_on = Arc::new(Notify::new());
    mta.on(Stage::Dot, Act::Think(Arc::clone(&goes_on)));
    let request = site.concluded(&lead("A1")).await;
    site.release(&request).await;
    site.until_mailing(&request, "sending").await;
    let keeper = site.administrator();
    let hold = json!({ "held": true, "reason": "The court ordered it kept." });
    let path = format!("jobs/{request}/legal-hold");
    assert_eq!(site.call(("POST", &path), &keeper, Some(&hold)).await.0, 200);
    assert_eq!(site.mailing_status(&request).await, ["sending"], "the server still thinks");
    goes_on.notify_one();
    site.until(&request, &["delivered"]).await;
    assert_eq!(taken(&site, &mta, &request).await.len(), 1);
    site.assert_ledger(&request, "a legal hold meanwhile").await;
    let wanted = [("delivery.attempted", 1), ("legal_hold.set", 1)];
    site.assert_times(&request, "a legal hold meanwhile", &wanted).await;
}

async fn an_attempt_that_ends_after_another_one_delivered_the_answer_is_no_dissemination(
    setup: Setup,
) {
    let patient = Setup { smtp_deadline: 60, ..setup };
    let (mut site, mta) = begin(patient).await;
    let goes_on = Arc::new(Notify::new());
    mta.on(Stage::Dot, Act::Think(Arc::clone(&goes_on)));
    let request = site.concluded(&lead("A1")).await;
    site.release(&request).await;
    site.until_mailing(&request, "sending").await;
    // As after a pause of the whole machine: the claim has run out, and another worker has the mail.
    site.sql("UPDATE deliveries SET available_at = 1 WHERE state = 'leased'").await;
    let publish = "UPDATE messages SET publish_at = 1 WHERE id IN (SELECT message FROM deliveries)";
    if site.is_distributed() {
        site.sql(publish).await;
    }
    site.until(&request, &["delivered"]).await;
    goes_on.notify_one();
    site.until_audited(&request, "delivery.late", 1).await;
    let late = site.audited(&request, "delivery.late").await.remove(0);
    assert_eq!(
        (&late["detail"]["mail"], &late["detail"]["stage"]),
        (&json!("sent"), &json!("delivered"))
    );
    let mails = taken(&site, &mta, &request).await;
    assert_eq!((mails.len(), &mails[0]), (2, &mails[1]), "byte for byte the same");
    assert_eq!(site.mailing_status(&request).await, ["sent"]);
    site.assert_ledger(&request, "two attempts at once").await;
    let wanted = [
        ("delivery.attempted", 2),
        ("answer.disclosure_delivered", 0),
        ("answer.disclosure_refused", 0),
    ];
    site.assert_times(&request, "two attempts at once", &wanted).await;
}

async fn a_recipient_without_a_certificate_gets_nothing_until_there_is_one(setup: Setup) {
    let (mut site, mta) = begin(setup).await;
    let mut kept = Vec::new();
    site.registry(|registry| kept = std::mem::take(&mut registry.recipients)).await;
    let request = site.concluded(&lead("A1")).await;
    site.release(&request).await;
    for times in 1..=2 {
        let hold = site.until_held_by_administrator(&request).await;
        let clauses: Vec<&Value> =
            hold["findings"].as_array().unwrap().iter().map(|f| &f["clause"]).collect();
        assert_eq!(clauses, [&json!("CORE-CLEAR"), &json!("LACRIS-FTR-3")], "{hold}");
        let entries = site.audited(&request, "answer.held").await;
        assert_eq!(entries.len(), times);
        assert_eq!(entries[0]["detail"]["reason"], "certificate_missing");
        assert_eq!(mta.connections(), 0, "nobody spoke to the mail server");
        if times == 1 {
            // Nobody can allow that it leaves in the clear: it is held again.
            let (status, told) = site.decide(&request, true, "CORE-CLEAR").await;
            assert_eq!(status, 200, "{told}");
            site.until_audited(&request, "answer.held", 2).await;
        }
    }
    assert_eq!(site.status(&request).await["state"], "held");
    assert_eq!(site.message_ids(&request).await, [""; 0], "nothing was sealed");
    site.registry(|registry| registry.recipients = kept).await;
    let (status, told) = site.decide(&request, true, "CORE-CLEAR").await;
    assert_eq!(status, 200, "{told}");
    site.until(&request, &["delivered"]).await;
    let mails = taken(&site, &mta, &request).await;
    assert_eq!(mails.len(), 1);
    site.open_mail(&request, &mails[0].bytes);
    site.assert_ledger(&request, "certificate registered").await;
    assert_nothing_in_clear(&mta);
}

fn standing(registry: &mut Registry, standing: AgencyStanding) {
    let mut agencies = registry.agencies.iter_mut().map(|entry| &mut entry.agency);
    agencies.find(|agency| agency.ori.as_str() == AGENCY).unwrap().standing = standing;
}

/// An answer whose mail waits, because the server is away.
async fn deferred(site: &mut Site, mta: &mut Mta) -> String {
    let request = site.concluded(&lead("A1")).await;
    mta.go().await;
    site.release(&request).await;
    site.until_mailing(&request, "deferred").await;
    request
}

/// The server is back, and the next attempt of the mail that waits is due.
async fn next_attempt(site: &Site, mta: &mut Mta, request: &str) {
    mta.come_back().await;
    site.retry_is_due(request).await;
}

/// Held before the attempt, with this clause alone; nothing left.
async fn held_before_the_attempt(site: &mut Site, mta: &Mta, (request, clause): (&str, &str)) {
    let hold = site.until_held_by_administrator(request).await;
    let clauses: Vec<&Value> =
        hold["findings"].as_array().unwrap().iter().map(|f| &f["clause"]).collect();
    assert_eq!(clauses, [&json!(clause)], "{hold}");
    assert_eq!(site.mailing_status(request).await, ["refused"]);
    site.nothing_waits(request).await;
    assert_eq!(taken(site, mta, request).await, []);
    let entries = site.audited(request, "answer.held").await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = &entries[0];
    assert_eq!((&entry["gate"], &entry["detail"]["mail"]), (&json!("deliver"), &json!("deferred")));
}

async fn an_agency_that_is_suspended_while_its_mail_waits_gets_nothing_until_a_person_allows_it(
    setup: Setup,
) {
    let (mut site, mut mta) = begin(setup).await;
    let request = deferred(&mut site, &mut mta).await;
    site.registry(|registry| standing(registry, AgencyStanding::Suspended)).await;
    next_attempt(&site, &mut mta, &request).await;
    held_before_the_attempt(&mut site, &mta, (&request, "CORE-STANDING")).await;

    // What the person was shown no longer holds the answer; it is sealed anew, and asked about at the attempt as well.
    let (status, told) = site.decide(&request, true, "CORE-STANDING").await;
    assert_eq!(status, 200, "{told}");
    site.sent(&request).await;
    assert_eq!(site.mailing_status(&request).await, ["refused", "sent"]);
    let attempts = site.audited(&request, "delivery.attempted").await;
    let decided = |nth: usize| (&attempts[nth]["gate"], &attempts[nth]["verdict"]);
    assert_eq!(attempts.len(), 2);
    assert_eq!(decided(0), (&json!("deliver"), &json!("accept")));
    assert_eq!(decided(1), (&json!("deliver"), &json!("hold")));
    assert!(attempts[1]["detail"]["allowed_by"].is_string(), "{attempts:?}");
    site.registry(|registry| standing(registry, AgencyStanding::Active)).await;
    let mails = taken(&site, &mta, &request).await;
    assert_eq!(mails.len(), 1);
    site.open_mail(&request, &mails[0].bytes);
    let wanted = [("answer.released", 1), ("answer.sealed", 2), ("answer.delivered", 1)];
    site.assert_times(&request, "suspended while the mail waits", &wanted).await;
    assert_nothing_in_clear(&mta);
}

async fn a_suspended_requesters_mail_waits_for_a_person_and_leaves_by_the_decision(setup: Setup) {
    let (mut site, mut mta) = begin(setup).await;
    let request = deferred(&mut site, &mut mta).await;
    // The same person's emergency is not known to the agency.
    let (_, receipt) = site.submit_changed(&threat).await;
    let emergency = receipt["request"].as_str().unwrap().to_owned();
    site.until(&emergency, &["queued"]).await;
    deny(&mut site, &emergency).await;
    site.until_audited(&emergency, "requester.suspended", 1).await;
    next_attempt(&site, &mut mta, &request).await;
    held_before_the_attempt(&mut site, &mta, (&request, "CORE-SUSPENDED")).await;

    // The decision covers what was shown: what is new at the attempt after it holds the answer again.
    mta.go().await;
    let (status, told) = site.decide(&request, true, "CORE-SUSPENDED").await;
    assert_eq!(status, 200, "{told}");
    site.until_mailing(&request, "deferred").await;
    site.registry(|registry| standing(registry, AgencyStanding::Suspended)).await;
    next_attempt(&site, &mut mta, &request).await;
    let hold = site.until_held_by_administrator(&request).await;
    assert_eq!(hold["findings"].as_array().unwrap().len(), 2, "{hold}");
    assert_eq!(taken(&site, &mta, &request).await, []);
    let (status, told) = site.decide(&request, true, "CORE-STANDING").await;
    assert_eq!(status, 200, "{told}");
    site.sent(&request).await;
    site.registry(|registry| standing(registry, AgencyStanding::Active)).await;
    assert_eq!(site.mailing_status(&request).await, ["refused", "refused", "sent"]);
    let times = [("answer.held", 2), ("hold.decided", 2), ("answer.delivered", 1)];
    site.assert_times(&request, "suspended while the mail waits", &times).await;
    assert_nothing_in_clear(&mta);
}

async fn a_certificate_that_is_replaced_while_the_mail_waits_gets_the_answer_sealed_anew(
    setup: Setup,
) {
    let (mut site, mut mta) = begin(setup).await;
    let request = deferred(&mut site, &mut mta).await;
    let keys = Keys::make(&site.path("new"), REQUESTER, &SystemIds, SystemClock.now()).unwrap();
    for (new, old) in
        [(&keys.recipient_key, "recipient.key"), (&keys.recipient_certificate, "recipient.pem")]
    {
        std::fs::copy(new, site.path("keys").join(old)).unwrap();
    }
    site.registry(|registry| {
        let mut recipients = registry.recipients.iter_mut();
        let recipient = recipients.find(|recipient| recipient.email == REQUESTER).unwrap();
        recipient.certificate = keys.recipient_pem;
    })
    .await;
    next_attempt(&site, &mut mta, &request).await;
    site.until(&request, &["delivered"]).await;
    assert_eq!(site.mailing_status(&request).await, ["refused", "sent"]);
    let mails = taken(&site, &mta, &request).await;
    assert_eq!(mails.len(), 1, "the mail for the former certificate never leaves");
    site.open_mail(&request, &mails[0].bytes);
    let replaced = site.audited(&request, "delivery.replaced").await;
    assert_eq!(replaced[0]["detail"]["code"], "certificate_replaced", "{replaced:?}");
    let times = [("delivery.replaced", 1), ("answer.sealed", 2), ("answer.held", 0)];
    site.assert_times(&request, "certificate replaced", &times).await;
    site.nothing_waits(&request).await;
    assert_nothing_in_clear(&mta);
}

fn threat(form: &mut Value) {
    form["purpose"] = json!({
        "kind": "imminent_threat", "threat": "A child was taken an hour ago and is in danger.",
        "supervisor": { "name": "Sam Supervisor", "phone": "+12135550143" }
    });
}

/// The agency, called back, does not know of the emergency.
async fn deny(site: &mut Site, request: &str) {
    let (reviewer, path) = (site.reviewer(0), format!("emergencies/{request}/call-back"));
    let body = json!({ "outcome": "denied", "spoke_to_name": "Desk Sample" });
    let (status, told) = site.call(("POST", &path), &reviewer, Some(&body)).await;
    assert_eq!((status, &told["emergency"]), (200, &json!("denied")), "{told}");
}

/// The next form of the same person needs the suspension lifted.
fn lift_suspension(site: &Site) {
    let administrator = site.administrator();
    let list = site.cli_json(&administrator, &["suspensions", "list"]);
    let id = list["items"][0]["suspension"].as_str().unwrap();
    let reason = "The chief of the agency vouched.";
    let lifted = site.cli_json(&administrator, &["suspensions", "lift", id, "--reason", reason]);
    assert_eq!(lifted["state"], "lifted");
}

/// Both reviewers found a lead, the server is away, and nobody confirmed in time.
async fn called_back(site: &mut Site, mta: &mut Mta, request: &str) {
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    site.examine(request, "conclude", &first, &lead("A1")).await;
    site.examine(request, "second-review", &second, &lead("A1")).await;
    mta.go().await;
    site.release(request).await;
    site.until_mailing(request, "deferred").await;
    let past = format!("UPDATE emergency_duties SET due_at = 1 WHERE request = '{request}'");
    assert_eq!(site.sql(&past).await, 2);
    let hold = site.until_held_by_administrator(request).await;
    assert_eq!(hold["findings"][0]["clause"], "CORE-EMERGENCY", "{hold}");
    assert_eq!(site.mailing_status(request).await, ["refused"]);
    let recalled = site.audited(request, "answer.recalled").await;
    assert_eq!(recalled[0]["detail"]["mail"], "deferred", "{recalled:?}");
}

async fn a_mail_that_waits_is_called_back_when_nobody_confirms_the_emergency(setup: Setup) {
    let (mut site, mut mta) = begin(setup).await;
    for allow in [false, true] {
        let (_, receipt) = site.submit_changed(&threat).await;
        let request = receipt["request"].as_str().unwrap().to_owned();
        site.until(&request, &["queued"]).await;
        called_back(&mut site, &mut mta, &request).await;

        // The next attempt is due, the server is back, and nothing is handed over.
        mta.come_back().await;
        site.retry_is_due(&request).await;
        site.nothing_waits(&request).await;
        assert_eq!(taken(&site, &mta, &request).await, []);
        let (status, told) = site.decide(&request, allow, "CORE-EMERGENCY").await;
        assert_eq!(status, 200, "{told}");
        if allow {
            site.until(&request, &["delivered"]).await;
            assert_eq!(site.mailing_status(&request).await, ["refused", "sent"]);
            assert_eq!(taken(&site, &mta, &request).await.len(), 1);
        } else {
            assert_eq!(site.status(&request).await["state"], "rejected");
            assert_eq!(taken(&site, &mta, &request).await, []);
            lift_suspension(&site);
        }
        site.assert_times(&request, "called back", &[("answer.recalled", 1)]).await;
    }
    assert_nothing_in_clear(&mta);
}

/// Waits until the request's command failed for this reason, and is to be tried again.
async fn until_failed(site: &Site, request: &str, reason: &str) {
    let failed = format!(
        "SELECT count(*) FROM deliveries d JOIN messages m ON m.id = d.message
         WHERE m.request = '{request}' AND d.state = 'waiting' AND d.last_error = '{reason}'"
    );
    let mut patience = Patience::new();
    while patience.lasts().await {
        if site.number(&failed).await > 0 {
            return;
        }
    }
    panic!("no command of {request} failed for {reason}");
}

async fn an_image_store_that_is_away_keeps_no_denied_emergency_from_being_called_back(
    setup: Setup,
) {
    let (mut site, mut mta) = begin(setup).await;
    let (_, receipt) = site.submit_changed(&threat).await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    site.until(&request, &["queued"]).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    site.examine(&request, "second-review", &second, &lead("A1")).await;
    mta.go().await;
    site.release(&request).await;
    site.until_mailing(&request, "deferred").await;

    std::fs::rename(site.path("images"), site.path("away")).unwrap();
    next_attempt(&site, &mut mta, &request).await;
    until_failed(&site, &request, "vault").await;
    assert_eq!(site.mailing_status(&request).await, ["deferred"], "no attempt was begun");
    deny(&mut site, &request).await;
    let hold = site.until_held_by_administrator(&request).await;
    assert_eq!(hold["findings"][0]["clause"], "CORE-EMERGENCY", "{hold}");
    assert_eq!(site.mailing_status(&request).await, ["refused"]);
    site.until_audited(&request, "requester.suspended", 1).await;

    let _ = std::fs::remove_dir_all(site.path("images"));
    std::fs::rename(site.path("away"), site.path("images")).unwrap();
    site.retry_is_due(&request).await;
    site.nothing_waits(&request).await;
    assert_eq!(taken(&site, &mta, &request).await, []);
    let times = [("answer.recalled", 1), ("delivery.attempted", 1), ("answer.delivered", 0)];
    site.assert_times(&request, "denied while the image store is away", &times).await;
    assert_nothing_in_clear(&mta);
}

async fn a_page_goes_by_mail_over_verified_tls_and_is_tried_again(setup: Setup) {
    let (mut site, mta) = begin(setup).await;
    site.registry(|registry| {
        for entry in &mut registry.accounts {
            let address = format!("{}@pagers.example.gov", entry.account.login);
            entry.account.pager_email = Some(leadbroker::domain::Personal::new(address));
        }
    })
    .await;
    mta.on(Stage::Rcpt, Act::Reply("450 4.2.0 try again"));
    let request = site.queued().await;
    site.until_audited(&request, "page.deferred", 1).await;
    assert_eq!(mta.accepted(), []);
    site.sql("UPDATE page_attempts SET available_at = 1 WHERE status = 'waiting'").await;
    site.until_audited(&request, "page.sent", 1).await;
    let mails = mta.accepted();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].to[0].contains("@pagers.example.gov"), "{:?}", mails[0].to);
    let text = String::from_utf8_lossy(&mails[0].bytes);
    assert!(text.contains("leadbroker pages ack pg-") && !text.contains(&request), "{text}");
    assert!(!mta.heard_in_clear().contains("pagers"), "{}", mta.heard_in_clear());
}
