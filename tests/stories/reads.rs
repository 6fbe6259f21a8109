//! Who is shown what of a request: decided by the gate `read`, and on record before it is shown.

use leadbroker::domain::Role;
use serde_json::{Value, json};

use crate::site::people::{examination, lead};
use crate::site::{Setup, Site};

crate::both!(every_reading_is_on_record_with_its_purpose, who_has_no_need_to_know_reads_nothing);

/// Action, purpose and verdict of each reading, as `audit who` tells them.
fn told(who: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |entry: &Value| {
        let event = &entry["event"];
        (text(&event["action"]), text(&event["detail"]["purpose"]), text(&event["verdict"]))
    };
    who["reads"].as_array().unwrap().iter().map(one).collect()
}

fn reading(action: &str, purpose: &str) -> (String, String, String) {
    (action.to_owned(), purpose.to_owned(), "accept".to_owned())
}

async fn every_reading_is_on_record_with_its_purpose(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let judge = site.token(Role::Adjudicator, 0);
    let request = site.queued().await;
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    site.examine(&request, "second-review", &second, &examination("no_match")).await;
    site.claimed(&request, &judge).await;
    let (status, case) = site.call(("GET", &format!("jobs/{request}")), &judge, None).await;
    assert_eq!((status, case["earlier"].as_array().unwrap().len()), (200, 2));
    let path = format!("jobs/{request}/probes/0");
    assert_eq!(site.call(("GET", &path), &judge, None).await.0, 200);

    let auditor = site.token(Role::Auditor, 0);
    let who = site.cli_json(&auditor, &["audit", "who", &request]);
    let wanted = [
        reading("case.read", "examine"),
        reading("case.read", "second_review"),
        reading("case.read", "adjudicate"),
        reading("examination.read", "adjudicate"),
        reading("probe.read", "adjudicate"),
        reading("audit.read", "audit"),
    ];
    assert_eq!(told(&who), wanted);
    for entry in who["reads"].as_array().unwrap() {
        let clauses: Vec<&str> = entry["event"]["clauses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_str().unwrap())
            .collect();
        assert!(
            clauses.contains(&"LACRIS-AUD-2") && clauses.contains(&"CORE-READ-NEED"),
            "{entry}"
        );
    }
    // The same from the server's own database, by its operator.
    let local = site.cli_json("", &["audit", "who", &request, "--local"]);
    assert_eq!(told(&local).len(), wanted.len() + 1);
    assert_eq!(local["reads"][6]["event"]["actor"]["kind"], "operator");
    site.assert_sound("reads").await;
}

async fn who_has_no_need_to_know_reads_nothing(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let (keeper, auditor) = (site.administrator(), site.token(Role::Auditor, 0));
    let request = site.queued().await;
    site.claimed(&request, &first).await;
    for (person, path, code, clause) in [
        (&second, format!("jobs/{request}"), "not_assigned", "CORE-READ-NEED"),
        (&keeper, format!("jobs/{request}/probes/0"), "not_assigned", "CORE-READ-NEED"),
        (&auditor, format!("jobs/{request}"), "not_assigned", "CORE-READ-AUDITOR"),
        (&second, format!("audit/requests/{request}"), "role", "CORE-READ-AUDIT"),
        (&keeper, format!("jobs/{request}/document"), "role", "CORE-READ-DOCUMENT"),
    ] {
        let (status, told) = site.call(("GET", &path), person, None).await;
        assert_eq!((status, &told["code"]), (403, &json!(code)), "{path}: {told}");
        let denied = site.audited(&request, "authz.denied").await;
        let last = denied.last().unwrap();
        assert_eq!((&last["gate"], &last["verdict"]), (&json!("read"), &json!("reject")));
        assert!(last["clauses"].as_array().unwrap().contains(&json!(clause)), "{path}: {last}");
    }
    let agency = site.other_agency();
    let (status, told) =
        site.call(("GET", &format!("search-requests/{request}")), &agency, None).await;
    assert_eq!((status, &told["code"]), (404, &json!("not_found")));
    assert!(site.audited(&request, "case.read").await.is_empty());
}
