//! The same image, or the same case at another unit after nothing was found, is shown.

use serde_json::{Value, json};

use crate::site::people::examination;
use crate::site::{Setup, Site};

crate::both!(what_was_asked_before_is_shown_to_reviewers_and_to_the_auditor,);

async fn what_was_asked_before_is_shown_to_reviewers_and_to_the_auditor(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second, administrator) = (site.reviewer(0), site.reviewer(1), site.administrator());
    let form = site.form().await;
    let (_, receipt) = site.send(&form).await;
    let before = receipt["request"].as_str().unwrap().to_owned();
    site.follow(&before).await;

    // The same image under another case; it is no repeat in the sense of the receipt.
    let images = form["images"].clone();
    let (_, receipt) = site.submit_changed(&|form| form["images"] = images.clone()).await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    assert_eq!(receipt["duplicate_of"], Value::Null);
    site.until(&request, &["queued"]).await;
    let shown = |case: &Value| -> Vec<Value> {
        let repeats = case["repeats"].as_array().unwrap().iter();
        let members = ["request", "unit", "same_agency", "same_probe", "same_case", "outcome"];
        repeats
            .map(|repeat| members.iter().map(|member| repeat[*member].clone()).collect())
            .collect()
    };
    let wanted = vec![json!([before, "lacris", true, true, false, "no_match"])];
    let path = format!("jobs/{request}");
    let lease = site.claimed(&request, &first).await;
    let (_, case) = site.call(("GET", &path), &first, None).await;
    assert_eq!(shown(&case), wanted, "{case}");
    let exam = examination("no_match");
    let (status, told) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!(status, 200, "{told}");
    // How it ended tells what others found: not before the second conclusion.
    let lease = site.claimed(&request, &second).await;
    let (_, case) = site.call(("GET", &path), &second, None).await;
    assert_eq!(shown(&case), Vec::<Value>::new(), "{case}");
    let (status, told) = site.record((&request, "second-review"), &second, (lease, &exam)).await;
    assert_eq!(status, 200, "{told}");
    let (_, case) = site.call(("GET", &format!("{path}/examinations")), &second, None).await;
    assert_eq!(shown(&case), wanted, "{case}");

    let path = format!("audit/requests/{request}/repeats");
    let (status, told) = site.call(("GET", &path), &administrator, None).await;
    assert_eq!((status, shown(&told)), (200, wanted), "{told}");
    assert_eq!(site.cli_json(&administrator, &["audit", "repeats", &request]), told);
    let (status, _) = site.call(("GET", &path), &first, None).await;
    assert_eq!(status, 403);
    assert_eq!(site.audited(&request, "repeats.read").await.len(), 2);
    // The first one was there before the second: it repeats nothing.
    let (_, told) =
        site.call(("GET", &format!("audit/requests/{before}/repeats")), &administrator, None).await;
    assert_eq!(told["repeats"], json!([]));

    // The same case at another unit, after nothing was found.
    let elsewhere = format!(
        "UPDATE search_requests SET unit = 'oxnard', case_hash =
        (SELECT case_hash FROM search_requests WHERE id = '{request}') WHERE id = '{before}'"
    );
    assert_eq!(site.sql(&elsewhere).await, 1);
    let (_, told) = site.call(("GET", &path), &administrator, None).await;
    assert_eq!(shown(&told), [json!([null, "oxnard", true, true, true, "no_match"])]);
}
