//! The same image, a copy of it, or the same case at another unit after nothing was found, is shown.

use std::io::Cursor;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops;
use leadbroker::report::{PictureLimits, picture_views};
use serde_json::{Value, json};

use crate::site::patience::Patience;
use crate::site::people::examination;
use crate::site::{Setup, Site};

crate::both!(
    what_was_asked_before_is_shown_to_reviewers_and_to_the_auditor,
    a_copy_of_a_picture_is_found_and_listed_until_its_record_ends,
);

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
    // Meanwhile its pictures may have been compared.
    let printed = site.cli_json(&administrator, &["audit", "repeats", &request]);
    assert_eq!(printed["repeats"], told["repeats"]);
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
    assert_eq!(told["repeats"][0]["elsewhere_after_no_match"], true);
    let (_, listed) = site.call(("GET", "audit/units/lacris/repeats"), &administrator, None).await;
    let marked: Vec<Value> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!([item["request"], item["elsewhere_after_no_match"]]))
        .collect();
    assert_eq!(marked, [json!([request, true])]);
}

/// The form's image cut, mirrored, made smaller and compressed anew.
fn copied(form: &Value) -> (String, String) {
    let original = STANDARD.decode(form["images"][0]["content"].as_str().unwrap()).unwrap();
    let picture = image::load_from_memory(&original).unwrap().to_rgb8();
    let (width, height) = picture.dimensions();
    let (x, y) = (width / 100, height / 100);
    let cut = imageops::crop_imm(&picture, x, y, width - 2 * x, height - 2 * y).to_image();
    let mirrored = imageops::flip_horizontal(&cut);
    let filter = imageops::FilterType::CatmullRom;
    let smaller = imageops::resize(&mirrored, width / 2, height / 2, filter);
    let mut copy = Cursor::new(Vec::new());
    smaller.write_with_encoder(JpegEncoder::new_with_quality(&mut copy, 70)).unwrap();
    let copy = copy.into_inner();
    (STANDARD.encode(&copy), hex::encode(openssl::sha::sha256(&copy)))
}

/// Waits until the pictures of a request were compared, and gives what it repeats.
pub(crate) async fn compared(site: &mut Site, request: &str) -> Vec<Value> {
    let (path, auditor) = (format!("audit/requests/{request}/repeats"), site.administrator());
    // The comparison rests as long as it works, and lets everything else go first.
    let mut patience = Patience::of(Duration::from_secs(150));
    while patience.lasts().await {
        let (status, told) = site.call(("GET", &path), &auditor, None).await;
        assert_eq!(status, 200, "{told}");
        if told["pictures"] == "done" {
            return told["repeats"].as_array().unwrap().clone();
        }
        assert_eq!(told["pictures"], "waiting");
    }
    panic!("the pictures of {request} were not compared");
}

async fn a_copy_of_a_picture_is_found_and_listed_until_its_record_ends(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (reviewer, administrator) = (site.reviewer(0), site.administrator());
    let form = site.form().await;
    let (_, receipt) = site.send(&form).await;
    let original = receipt["request"].as_str().unwrap().to_owned();
    let unrelated = site.queued().await;
    let (content, sha256) = copied(&form);
    let (_, receipt) = site
        .submit_changed(&|form| {
            form["images"][0]["content"] = content.clone().into();
            form["images"][0]["sha256"] = sha256.clone().into();
        })
        .await;
    let copy = receipt["request"].as_str().unwrap().to_owned();
    site.until(&copy, &["queued"]).await;

    let repeats = compared(&mut site, &copy).await;
    let members = ["request", "same_probe", "similar_probe", "same_case"];
    let told: Vec<Value> = repeats
        .iter()
        .map(|one| members.iter().map(|member| one[*member].clone()).collect())
        .collect();
    assert_eq!(told, [json!([original, false, true, false])]);
    assert_eq!(compared(&mut site, &original).await, [] as [Value; 0], "it was there before");
    assert_eq!(compared(&mut site, &unrelated).await, [] as [Value; 0]);
    assert_eq!(site.audited(&copy, "probe.looks_alike").await[0]["detail"]["others"], "1");
    site.claimed(&copy, &reviewer).await;
    let (_, case) = site.call(("GET", &format!("jobs/{copy}")), &reviewer, None).await;
    assert_eq!(
        (&case["repeats"][0]["similar_probe"], &case["pictures"]),
        (&json!(true), &json!("done"))
    );
    the_units_list(&mut site, (&copy, &original)).await;
    no_hash_stands_in_clear(&site, &form, &original).await;

    // What is known of a picture ends with its record.
    let known = async |site: &Site| {
        let count =
            |table: &str| format!("SELECT count(*) FROM {table} WHERE request = '{original}'");
        (
            site.number(&count("picture_bands")).await,
            site.number(&count("picture_likenesses")).await,
        )
    };
    assert_eq!(known(&site).await, (16, 1));
    site.withdraw(&original).await;
    let past = format!("UPDATE search_requests SET updated_at = 0 WHERE id = '{original}'");
    assert_eq!(site.sql(&past).await, 1);
    let order = json!({ "reason": "The retention period is over.", "clause": "CORE-RETENTION" });
    let path = format!("jobs/{original}/destroy");
    let (status, told) = site.call(("POST", &path), &administrator, Some(&order)).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(known(&site).await, (0, 0));
    assert_eq!(compared(&mut site, &copy).await, [] as [Value; 0]);
}

/// The hashes are sealed, and a band is not what is stored of it.
async fn no_hash_stands_in_clear(site: &Site, form: &Value, request: &str) {
    let bytes = STANDARD.decode(form["images"][0]["content"].as_str().unwrap()).unwrap();
    let views = picture_views(&bytes, &PictureLimits::default()).unwrap().to_bytes();
    let hashes = if site.is_distributed() {
        "encode(picture_hashes, 'hex')"
    } else {
        "lower(hex(picture_hashes))"
    };
    let stored = format!("SELECT {hashes} FROM probes WHERE request = '{request}'");
    let stored = site.column(&stored).await.remove(0);
    assert!(stored.len() > 2 * views.len());
    for view in views.chunks(32) {
        assert!(!stored.contains(&hex::encode(view)));
    }
    let small = format!(
        "SELECT count(*) FROM picture_bands WHERE request = '{request}' AND band BETWEEN -4294967296 AND 4294967296"
    );
    assert_eq!(site.number(&small).await, 0);
}

/// The auditor's list of the unit, in pages, for nobody else.
async fn the_units_list(site: &mut Site, (copy, original): (&str, &str)) {
    let (administrator, reviewer) = (site.administrator(), site.reviewer(0));
    let path = "audit/units/lacris/repeats";
    let (status, listed) = site.call(("GET", path), &administrator, None).await;
    assert_eq!((status, &listed["next"]), (200, &Value::Null), "{listed}");
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{listed}");
    assert_eq!((&items[0]["request"], &items[0]["pictures"]), (&json!(copy), &json!("done")));
    assert_eq!(items[0]["repeats"][0]["request"], original);
    assert_eq!(items[0]["elsewhere_after_no_match"], false);
    let command = ["audit", "repeats", "--unit", "lacris", "--since", "2024-01-01", "--limit", "1"];
    assert_eq!(site.cli_json(&administrator, &command), listed);
    let after = ["audit", "repeats", "--unit", "lacris", "--cursor", copy];
    assert_eq!(site.cli_json(&administrator, &after)["items"], json!([]));
    for (query, code) in [("since=yesterday", 400), ("limit=0", 400), ("cursor=r-1", 400)] {
        let (status, _) =
            site.call(("GET", &format!("{path}?{query}")), &administrator, None).await;
        assert_eq!(status, code, "{query}");
    }
    let later = format!("{path}?since=2100-01-01T00:00:00Z");
    let (_, none) = site.call(("GET", &later), &administrator, None).await;
    assert_eq!(none["items"], json!([]));
    assert_eq!(site.call(("GET", path), &reviewer, None).await.0, 403);
    let elsewhere = "audit/units/oxnard/repeats";
    assert_eq!(site.call(("GET", elsewhere), &administrator, None).await.0, 404);
    let entries = "SELECT count(*) FROM audit_entries WHERE body LIKE '%repeats.listed%'";
    assert_eq!(site.number(entries).await, 4);
}
