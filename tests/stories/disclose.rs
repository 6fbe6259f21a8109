//! A delivered answer is passed on: to a registered recipient, for a stated reason, sealed anew, and on record.

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::Keys;
use leadbroker::domain::{AgencyStanding, Role};
use leadbroker::id_source::SystemIds;
use leadbroker::registry::{Recipient, Registry};
use serde_json::{Value, json};

use crate::site::{Setup, Site};

crate::both!(
    an_answer_is_passed_on_sealed_and_on_record,
    a_copy_that_may_not_leave_any_more_never_does,
);

pub(crate) const OTHER: &str = "CA0560400";
pub(crate) const EMAIL: &str = "records@coast.example.gov";

pub(crate) fn order(email: &str) -> Value {
    json!({
        "recipient_ori": OTHER,
        "recipient_email": email,
        "purpose": "A joint investigation of both agencies.",
        "right_to_know": "A sworn investigator of the agency.",
        "need_to_know": "Assigned to the same series of cases.",
    })
}

pub(crate) async fn disclose(site: &mut Site, request: &str, order: &Value) -> (u16, Vec<String>) {
    let officer = site.officer();
    let path = format!("jobs/{request}/disclose");
    let (status, told) = site.call(("POST", &path), &officer, Some(order)).await;
    let findings = told["findings"].as_array().cloned().unwrap_or_default();
    (status, findings.iter().map(|f| f["clause"].as_str().unwrap().to_owned()).collect())
}

/// Makes the other agency's recipient known.
pub(crate) async fn registered(site: &mut Site) {
    let keys = Keys::make(&site.path("coast"), EMAIL, &SystemIds, SystemClock.now()).unwrap();
    site.registry(|registry| {
        registry.recipients.push(Recipient {
            agency: OTHER.parse().unwrap(),
            email: EMAIL.to_owned(),
            certificate: keys.recipient_pem,
            reads_gcm: false,
        });
    })
    .await;
}

async fn an_answer_is_passed_on_sealed_and_on_record(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let waiting = site.queued().await;
    let (status, clauses) = disclose(&mut site, &waiting, &order(EMAIL)).await;
    assert_eq!(status, 422);
    for clause in ["CORE-DISCLOSE-ANSWERED", "CORE-DISCLOSE-RECIPIENT", "CORE-CLEAR"] {
        assert!(clauses.iter().any(|c| c == clause), "{clauses:?}");
    }
    site.withdraw(&waiting).await;
    registered(&mut site).await;
    let request = site.drive().await;
    let mut unsaid = order(EMAIL);
    unsaid["need_to_know"] = json!("-");
    let (status, clauses) = disclose(&mut site, &request, &unsaid).await;
    assert_eq!(
        (status, clauses),
        (422, vec!["CORE-DISCLOSE-KNOW".to_owned(), "LACRIS-AUD-2".to_owned()])
    );
    let reviewer = site.reviewer(0);
    let path = format!("jobs/{request}/disclose");
    assert_eq!(site.call(("POST", &path), &reviewer, Some(&order(EMAIL))).await.0, 403);

    let (status, clauses) = disclose(&mut site, &request, &order(EMAIL)).await;
    assert_eq!((status, clauses), (200, Vec::new()));
    // The same call again passes nothing on; another purpose would.
    let officer = site.officer();
    let mut again = order(EMAIL);
    again["purpose"] = json!("a joint investigation  of both agencies.");
    let (status, told) = site.call(("POST", &path), &officer, Some(&again)).await;
    assert_eq!((status, &told["code"]), (409, &json!("repeated")), "{told}");
    assert_eq!(site.audited(&request, "answer.disclosed").await.len(), 1);
    site.until_audited(&request, "answer.disclosure_delivered", 1).await;
    assert_eq!(site.status(&request).await["state"], "delivered");
    assert_eq!(site.mailing_status(&request).await, ["sent", "sent"]);
    site.nothing_waits(&request).await;
    // The mail opens with the other recipient's key alone.
    let ids = site.message_ids(&request).await;
    let mails: Vec<Vec<u8>> = ids.iter().flat_map(|id| site.mails_with(id)).collect();
    let opens = |mail: &Vec<u8>| {
        let file = site.write("passed.eml", mail);
        let done = std::process::Command::new("openssl")
            .args(["cms", "-decrypt", "-in", &file, "-out", "/dev/null"])
            .arg("-inkey")
            .arg(site.path("coast/recipient.key"))
            .arg("-recip")
            .arg(site.path("coast/recipient.pem"))
            .status();
        done.unwrap().success()
    };
    assert_eq!((mails.len(), mails.iter().filter(|mail| opens(mail)).count()), (2, 1));

    let auditor = site.token(Role::Auditor, 0);
    let list = site.cli_json(&auditor, &["disseminations", &request]);
    let one = &list["items"][0];
    assert_eq!((&one["recipient_email"], &one["status"]), (&json!(EMAIL), &json!("sent")));
    assert_eq!(one["need_to_know"], order(EMAIL)["need_to_know"]);
    let entry = site.audited(&request, "answer.disclosed").await.remove(0);
    assert_eq!((&entry["gate"], &entry["agency"]), (&json!("disclose"), &json!(OTHER)));
    assert!(entry["clauses"].as_array().unwrap().contains(&json!("LACRIS-AUD-2")));
    assert!(!entry.to_string().contains("coast.example.gov"), "no personal data in the log");
    site.assert_sound("disclosed").await;
}

async fn a_copy_that_may_not_leave_any_more_never_does(setup: Setup) {
    let mut site = Site::serving(setup).await;
    registered(&mut site).await;
    let request = site.drive().await;
    let suspended = |registry: &mut Registry, standing| {
        let mut agencies = registry.agencies.iter_mut().map(|entry| &mut entry.agency);
        agencies.find(|agency| agency.ori.as_str() == OTHER).unwrap().standing = standing;
    };
    // The folder of mails is away; meanwhile the recipient's agency is suspended.
    std::fs::rename(site.path("mail"), site.path("away")).unwrap();
    assert_eq!(disclose(&mut site, &request, &order(EMAIL)).await.0, 200);
    site.until_mailing(&request, "deferred").await;
    site.registry(|registry| suspended(registry, AgencyStanding::Suspended)).await;
    std::fs::rename(site.path("away"), site.path("mail")).unwrap();
    site.retry_is_due(&request).await;
    site.until_audited(&request, "answer.disclosure_refused", 1).await;
    let refused = site.audited(&request, "answer.disclosure_refused").await.remove(0);
    assert_eq!(
        (&refused["gate"], &refused["agency"], &refused["detail"]["code"]),
        (&json!("disclose"), &json!(OTHER), &json!("policy"))
    );
    assert!(refused["clauses"].as_array().unwrap().contains(&json!("CORE-STANDING")), "{refused}");
    site.nothing_waits(&request).await;
    assert_eq!(site.mailing_status(&request).await, ["sent", "refused"]);
    let copy = site.message_ids(&request).await.pop().unwrap();
    assert_eq!(site.mails_with(&copy).len(), 0);
    assert_eq!(site.status(&request).await["state"], "delivered", "the answer itself stays");

    // In good standing again, it is passed on anew, at once.
    site.registry(|registry| suspended(registry, AgencyStanding::Active)).await;
    assert_eq!(disclose(&mut site, &request, &order(EMAIL)).await.0, 200);
    site.until_audited(&request, "answer.disclosure_delivered", 1).await;
    assert_eq!(site.mailing_status(&request).await, ["sent", "refused", "sent"]);
    // Each is a mail of its own, and the one that was stopped is in no folder.
    let ids = site.message_ids(&request).await;
    let mails: Vec<usize> = ids.iter().map(|id| site.mails_with(id).len()).collect();
    assert_eq!(mails, [1, 0, 1]);
    site.assert_sound("a copy that may not leave").await;
}
