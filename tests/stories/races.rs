//! Everybody at the same moment: one is first, the others read that they are not, and nothing is there twice.

use serde_json::{Value, json};

use crate::site::patience::Patience;
use crate::site::people::{examination, lead};
use crate::site::{Setup, Site};

crate::both!(
    of_all_who_come_at_once_one_is_first,
    one_form_under_many_keys_at_once_is_one_request,
    time_that_runs_out_moves_a_request_on,
    an_image_that_cannot_be_deleted_holds_nothing_up,
);

/// How many clients do the same at once.
const CROWD: usize = 8;

/// Exactly one was served; the others were refused with one of these codes.
fn one_of(answers: &[(u16, Value)], what: &str, codes: &[&str]) {
    let served = answers.iter().filter(|(status, _)| (200..300).contains(status)).count();
    assert_eq!(served, 1, "{what}: {answers:?}");
    for (status, told) in answers.iter().filter(|(status, _)| *status >= 300) {
        let code = told["code"].as_str().unwrap();
        assert!(*status == 409 && codes.contains(&code), "{what}: {told}");
    }
}

async fn of_all_who_come_at_once_one_is_first(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));

    // The same form under the same key: one request, whoever asks, however often.
    let form = site.form().await;
    let answers = site.send_at_once(&form, CROWD).await;
    let stored = answers.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(stored, 1, "{answers:?}");
    for (status, told) in &answers {
        assert!([200, 201, 202].contains(status), "{status} {told}");
    }
    let (status, receipt) = site.send_under("one-key", &form).await;
    assert_eq!((status, &receipt["state"]), (200, &json!("accepted")), "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    site.until(&request, &["queued"]).await;

    let path = format!("jobs/{request}/claim");
    let both: Vec<String> =
        (0..CROWD).map(|n| if n % 2 == 0 { first.clone() } else { second.clone() }).collect();
    let answers = site.at_once(("POST", &path), &both, None).await;
    one_of(&answers, "claim", &["leased", "moved_on"]);
    let winner = answers.iter().position(|(status, _)| *status == 200).unwrap();
    let lease = answers[winner].1["token"].as_i64().unwrap();
    let (first, second) = if winner % 2 == 0 { (first, second) } else { (second, first) };

    let body = json!({ "token": lease, "examination": lead("A1") });
    let path = format!("jobs/{request}/conclude");
    let crowd = vec![first; CROWD];
    let answers = site.at_once(("POST", &path), &crowd, Some(&body)).await;
    one_of(&answers, "conclude", &["lease_lost", "moved_on"]);
    assert_eq!(site.records(&request).await, 1);
    site.examine(&request, "second-review", &second, &lead("A1")).await;

    let pdf = site.document(&request).await;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    let body = json!({ "document_sha256": hash });
    let path = format!("jobs/{request}/release");
    let officers = vec![site.officer(); CROWD];
    let answers = site.at_once(("POST", &path), &officers, Some(&body)).await;
    one_of(&answers, "release", &["state", "moved_on", "document_changed"]);
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "everybody at once").await;

    let short = |form: &mut Value| form["justification"]["situation"] = json!("Theft.");
    let (_, receipt) = site.submit_changed(&short).await;
    let held = receipt["request"].as_str().unwrap().to_owned();
    let path = format!("holds/{held}/decide");
    let body =
        json!({ "allow": true, "reason": "The supervisor told why.", "clause": "CORE-NARRATIVE" });
    let administrators = vec![site.administrator(); CROWD];
    let answers = site.at_once(("POST", &path), &administrators, Some(&body)).await;
    one_of(&answers, "decide", &["state", "moved_on"]);
    site.assert_times(&held, "everybody at once", &[("hold.decided", 1)]).await;
}

const ROUNDS: i64 = 4;
const ALL: &str = "SELECT count(*) FROM search_requests";

async fn one_form_under_many_keys_at_once_is_one_request(setup: Setup) {
    let mut site = Site::serving(setup).await;
    // Two people of an agency send the same case and the same image at once, under keys of their own, or none.
    for round in 0..ROUNDS {
        let form = site.form().await;
        let keys: Vec<String> = (0..CROWD)
            .map(|n| if n % 2 == 0 { format!("round-{round}-{n}") } else { String::new() })
            .collect();
        let answers = site.send_under_each(&form, &keys).await;
        let stored: Vec<&Value> =
            answers.iter().filter(|(status, _)| *status == 201).map(|(_, told)| told).collect();
        assert_eq!(stored.len(), 1, "{answers:?}");
        for (status, told) in answers.iter().filter(|(status, _)| *status != 201) {
            assert!([200, 202].contains(status), "{status} {told}");
            assert_eq!(told["duplicate_of"], stored[0]["request"], "{told}");
            assert_eq!(told["request"], stored[0]["request"], "{told}");
        }
        assert_eq!(site.number(ALL).await, round + 1, "{answers:?}");
        let (status, told) = site.send_under(&format!("later-{round}"), &form).await;
        assert_eq!((status, &told["duplicate_of"]), (200, &stored[0]["request"]), "{told}");
    }

    // Taken back, the same form is a new request, and one again.
    let form = site.form().await;
    let (_, receipt) = site.send(&form).await;
    let first = receipt["request"].as_str().unwrap().to_owned();
    site.until(&first, &["queued"]).await;
    let (status, told) = site.withdraw(&first).await;
    assert_eq!(status, 200, "{told}");
    let answers = site.send_under_each(&form, &vec![String::new(); CROWD]).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1, "{answers:?}");
    assert_eq!(site.number(ALL).await, ROUNDS + 2, "{answers:?}");
    let (status, told) = site.send_under("after-all", &form).await;
    assert!(status == 200 && told["duplicate_of"] != first.as_str(), "{told}");
    site.assert_sound("one form under many keys").await;
}

async fn time_that_runs_out_moves_a_request_on(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let first = site.reviewer(0);
    // Who does not take the offer is followed by the next one.
    let request = site.queued().await;
    for times in 2..=3 {
        site.deadline_passes(&request).await;
        site.until_audited(&request, "search_request.offered", times).await;
    }
    let offers = site.audited(&request, "search_request.offered").await;
    let asked: Vec<&Value> = offers.iter().map(|offer| &offer["detail"]["reviewer"]).collect();
    assert!(asked[0] != asked[1] && asked[1] != asked[2], "{asked:?}");

    // A second review that nobody does in time ends without an answer, and the agency is told.
    site.examine(&request, "conclude", &first, &examination("no_match")).await;
    site.deadline_passes(&request).await;
    let status = site.until(&request, &["expired"]).await;
    assert_eq!(status["outcome"], "expired");
    let second = site.reviewer(1);
    let (status, told) = site.claim_by(&request, &second).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "{told}");
    let wanted = [("search_request.expired", 1), ("answer.released", 0)];
    site.assert_times(&request, "expired", &wanted).await;

    // A hold and a release that are overdue stay with their owner, and the log says so.
    let request = site.concluded(&examination("no_match")).await;
    let read = site.document(&request).await;
    site.deadline_passes(&request).await;
    site.until_audited(&request, "release.overdue", 1).await;
    assert_eq!(site.status(&request).await["state"], "awaiting_release");
    assert!(site.document(&request).await == read, "what was read before can still be released");
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "overdue release").await;
}

async fn an_image_that_cannot_be_deleted_holds_nothing_up(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.queued().await;
    let reviewer = site.reviewer(0);
    site.claimed(&request, &reviewer).await;
    let (stuck, gone) = (site.path("images").join("stuck"), site.path("images").join("gone"));
    std::fs::create_dir_all(stuck.join("full")).unwrap();
    std::fs::write(&gone, "sealed").unwrap();
    site.sql("INSERT INTO discarded_objects (object_key) VALUES ('stuck'), ('gone')").await;
    site.deadline_passes(&request).await;
    site.until_audited(&request, "lease.expired", 1).await;
    let left = "SELECT object_key FROM discarded_objects";
    let mut patience = Patience::new();
    while patience.lasts().await && site.column(left).await.len() > 1 {}
    assert_eq!(site.column(left).await, ["stuck"]);
    assert!(!gone.exists());
    // Once it can be deleted it is.
    std::fs::remove_dir_all(&stuck).unwrap();
    assert_eq!(site.files_in_store_after_sweep().await, 1, "the probe");
    assert_eq!(site.column(left).await, [""; 0]);
}
