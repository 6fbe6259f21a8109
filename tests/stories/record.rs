//! What an examination records, and what of it the report prints.

use leadbroker::domain::examination::{Checklist, Component};
use serde_json::{Value, json};

use crate::site::people::{examination, lead};
use crate::site::{Setup, Site};

crate::both!(
    a_record_is_complete_and_its_report_prints_what_belongs_there,
    a_comparison_follows_the_units_checklist,
);

/// A lead with everything that a record can hold.
fn whole(probe: &str) -> Value {
    let mut exam = lead("A1");
    exam["suitability"][0] = json!({
        "probe": 0, "suitable": true, "note": "Both ears visible.", "frontal": true,
        "quality": {
            "pose": "frontal", "eye_distance_px": 91, "occlusion": "partial", "lighting": "uneven",
            "compression": "moderate"
        }
    });
    exam["derivatives"] = json!([
        { "operation": "crop", "tool": "Sample Editor 4", "operator": "R. Sample", "parent_sha256": probe, "sha256": "aa".repeat(32) },
        { "operation": "brightness", "tool": "Sample Editor 4", "operator": "R. Sample", "parent_sha256": "aa".repeat(32), "sha256": "bb".repeat(32) }
    ]);
    exam["comparison"] = json!([
        { "feature": "Ears: lobe attachment", "probe": "Attached", "candidate": "Attached", "agreement": "similar" },
        { "feature": "Mouth", "probe": "Blurred", "candidate": "Full", "agreement": "not_visible", "note": "Motion blur hides it." }
    ]);
    exam["candidate"]["source_record"] = json!("2019-004711");
    exam["candidate"]["captured_on"] = json!("2019-06-02");
    exam["verified_with"] = json!(["State driver records", " "]);
    exam["bias_review"] = json!("Candidates of every age were looked at.");
    exam
}

async fn a_record_is_complete_and_its_report_prints_what_belongs_there(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let form = site.form().await;
    let probe = form["images"][0]["sha256"].as_str().unwrap().to_owned();
    let (_, receipt) = site.send(&form).await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    site.until(&request, &["queued"]).await;
    let exam = whole(&probe);
    let lease = site.claimed(&request, &first).await;
    for (pointer, value, code, at) in [
        ("/comparison/0/feature", json!("Gait"), "feature_unknown", "/comparison/0/feature"),
        (
            "/derivatives/1/parent_sha256",
            json!("cc".repeat(32)),
            "derivative_parent",
            "/derivatives/1/parent_sha256",
        ),
        ("/suitability/0/quality/pose", json!("profile"), "suitability", "/suitability/0/frontal"),
        ("/candidate/captured_on", json!("June 2019"), "date", "/candidate/captured_on"),
    ] {
        let mut wrong = exam.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let (status, told) = site.record((&request, "conclude"), &first, (lease, &wrong)).await;
        assert_eq!(status, 422, "{told}");
        let error = &told["errors"][0];
        assert_eq!((&error["code"], &error["pointer"]), (&json!(code), &json!(at)), "{told}");
    }
    let (status, told) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(site.examine(&request, "second-review", &second, &exam).await, "awaiting_release");

    let (_, list) = site.call(("GET", "checklist"), &first, None).await;
    let path = format!("jobs/{request}/examinations");
    let (_, shown) = site.call(("GET", &path), &first, None).await;
    let kept = &shown["examinations"][0]["examination"];
    assert_eq!(kept["checklist"], json!({ "version": list["version"], "sha256": list["sha256"] }));
    assert_eq!(kept["suitability"][0]["quality"], exam["suitability"][0]["quality"]);
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    let words = site.open_answer(&request).await;
    for printed in [
        "91 pixels between the eyes",
        "partly occluded",
        "record 2019-004711",
        "taken on 2019-06-02",
        "Motion blur hides it.",
        "State driver records",
        "Checklist: version",
    ] {
        assert!(words.contains(printed), "{printed}: {words}");
    }
    assert!(!words.contains("every age"), "the review for bias stays with the case");
}

async fn a_comparison_follows_the_units_checklist(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let first = site.reviewer(0);
    site.registry(|registry| {
        let unit = registry.units.iter_mut().find(|unit| unit.id.as_str() == "lacris").unwrap();
        let component =
            Component { name: "Outline".to_owned(), features: vec!["symmetry".to_owned()] };
        unit.checklist =
            Some(Checklist { version: "own 3".to_owned(), components: vec![component] });
    })
    .await;
    let list = site.cli_json(&first, &["checklist"]);
    assert_eq!(
        (&list["version"], &list["components"][0]["name"]),
        (&json!("own 3"), &json!("Outline"))
    );
    let request = site.queued().await;
    let lease = site.claimed(&request, &first).await;
    let mut exam = examination("no_match");
    let (status, told) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!((status, &told["errors"][0]["code"]), (422, &json!("feature_unknown")), "{told}");
    exam["comparison"][0]["feature"] = json!("outline, symmetry");
    exam["checklist"] = json!({ "version": "own 2", "sha256": list["sha256"] });
    let (status, told) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!((status, &told["errors"][0]["code"]), (422, &json!("checklist_changed")), "{told}");
    exam["checklist"] = Value::Null;
    let (status, told) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!(status, 200, "{told}");
}
