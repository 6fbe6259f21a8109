//! The end of a record: what may be destroyed, what keeps it, and what is left.

use serde_json::{Value, json};

use crate::site::{Setup, Site};

crate::both!(
    a_record_ends_after_its_time_and_leaves_a_certificate,
    a_legal_hold_keeps_a_record_and_its_time
);

/// The request ended long ago.
async fn years_pass(site: &Site, request: &str) {
    let past = format!("UPDATE search_requests SET updated_at = 0 WHERE id = '{request}'");
    assert_eq!(site.sql(&past).await, 1);
}

async fn destroy(site: &mut Site, request: &str, person: &str) -> (u16, Value) {
    let body = json!({ "reason": "The retention period is over.", "clause": "CORE-RETENTION" });
    site.call(("POST", &format!("jobs/{request}/destroy")), person, Some(&body)).await
}

fn clauses(told: &Value) -> Vec<&str> {
    let findings = told["findings"].as_array().unwrap_or_else(|| panic!("{told}"));
    findings.iter().map(|finding| finding["clause"].as_str().unwrap()).collect()
}

async fn a_record_ends_after_its_time_and_leaves_a_certificate(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let keeper = site.administrator();
    let open = site.queued().await;
    let (status, told) = destroy(&mut site, &open, &keeper).await;
    assert_eq!((status, clauses(&told)), (422, vec!["CORE-DESTROY-OPEN", "CORE-RETENTION"]));
    site.withdraw(&open).await;

    let request = site.drive().await;
    let (status, told) = destroy(&mut site, &request, &keeper).await;
    assert_eq!((status, clauses(&told)), (422, vec!["CORE-RETENTION"]), "{told}");
    assert_eq!(site.audited(&request, "step.refused").await.len(), 1);
    let officer = site.officer();
    let (status, told) = destroy(&mut site, &request, &officer).await;
    assert_eq!((status, &told["code"]), (403, &json!("role")));
    years_pass(&site, &request).await;
    let body = json!({ "reason": "The retention period is over.", "clause": "NO-SUCH-1" });
    let path = format!("jobs/{request}/destroy");
    let (status, told) = site.call(("POST", &path), &keeper, Some(&body)).await;
    assert_eq!((status, clauses(&told)), (422, vec!["CORE-DESTROY-CLAUSE"]));

    let before = site.files_in_store_after_sweep().await;
    let certificate = site.cli_json(
        &keeper,
        &[
            "destroy",
            &request,
            "--reason",
            "The retention period is over.",
            "--clause",
            "CORE-RETENTION",
        ],
    );
    // Two examinations and a release; the document, two candidates' images and the mail, and one probe.
    assert_eq!((&certificate["records"], &certificate["probes"]), (&json!(3), &json!(1)));
    let files = certificate["files"].as_u64().unwrap() + certificate["probes"].as_u64().unwrap();
    assert_eq!(site.files_in_store_after_sweep().await as u64, before as u64 - files);
    nothing_is_left(&mut site, &request, &certificate).await;
    let (status, told) = destroy(&mut site, &request, &keeper).await;
    assert_eq!((status, &told["code"]), (410, &json!("destroyed")), "{told}");
}

async fn nothing_is_left(site: &mut Site, request: &str, certificate: &Value) {
    let sealed = format!(
        "SELECT (SELECT count(*) FROM search_requests WHERE id = '{request}' AND (data_key IS NOT NULL OR form IS NOT NULL))
             + (SELECT count(*) FROM case_records WHERE request = '{request}' AND sealed IS NOT NULL)
             + (SELECT count(*) FROM mailings WHERE request = '{request}' AND envelope IS NOT NULL)
             + (SELECT count(*) FROM probes WHERE request = '{request}')
             + (SELECT count(*) FROM search_requests WHERE id = '{request}' AND (length(case_hash) > 0 OR length(repeat_hash) > 0))
             + (SELECT count(*) FROM idempotency_keys WHERE request = '{request}')"
    );
    assert_eq!(site.number(&sealed).await, 0);
    let status = site.status(request).await;
    assert_eq!((&status["state"], &status["case_number"]), (&json!("destroyed"), &Value::Null));
    let entry = site.audited(request, "record.destroyed").await.remove(0);
    assert_eq!((&entry["gate"], &entry["verdict"]), (&json!("destroy"), &json!("accept")));
    for member in ["key_sha256", "form_sha256", "clause"] {
        assert_eq!(entry["detail"][member], certificate[member], "{member}");
    }
    // The export still verifies, with everything that was recorded before.
    site.assert_sound("destroyed").await;
}

async fn a_legal_hold_keeps_a_record_and_its_time(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let keeper = site.administrator();
    let request = site.queued().await;
    site.withdraw(&request).await;
    years_pass(&site, &request).await;
    let reason = ["--reason", "The court ordered it."];
    let held = site.cli_json(&keeper, &[&["legal-hold", "set", &request], &reason[..]].concat());
    assert_eq!(held["held"], true);
    let (status, told) = destroy(&mut site, &request, &keeper).await;
    assert_eq!((status, clauses(&told)), (422, vec!["CORE-LEGAL-HOLD"]), "the time still counts");
    let again = json!({ "held": true, "reason": "The court ordered it." });
    let path = format!("jobs/{request}/legal-hold");
    let (status, told) = site.call(("POST", &path), &keeper, Some(&again)).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "{told}");
    let other = site.reviewer(0);
    let (status, _) = site.call(("POST", &path), &other, Some(&again)).await;
    assert_eq!(status, 403);
    site.cli_json(&keeper, &[&["legal-hold", "lift", &request], &reason[..]].concat());
    let (status, told) = destroy(&mut site, &request, &keeper).await;
    assert_eq!(status, 200, "{told}");
    for action in ["legal_hold.set", "legal_hold.lifted", "record.destroyed"] {
        assert_eq!(site.audited(&request, action).await.len(), 1, "{action}");
    }
}
