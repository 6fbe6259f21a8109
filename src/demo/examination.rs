//! What the demonstration's reviewers record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// A lead with its candidate's drawn picture, or the absence of one.
pub(super) fn examination(at: DateTime<Utc>, candidate: Option<&[u8]>) -> Value {
    let search = |repository: &str, candidates: u32| {
        json!({
            "repository": repository, "system": "Sample search system", "vendor": "Sample vendor",
            "version": "4.2", "searched_at": at.to_rfc3339(), "candidates": candidates
        })
    };
    let mut record = json!({
        "suitability": [{
            "probe": 0, "suitable": true, "note": "Both eyes and one ear visible.",
            "quality": {
                "pose": "frontal", "eye_distance_px": 84, "occlusion": "none", "lighting": "even",
                "compression": "moderate"
            }
        }],
        "searches": [search("DMS", 24), search("CAFRI", 10)],
        "comparison": [
            { "feature": "Ears", "probe": "Attached lobes", "candidate": "Free lobes in every listed candidate", "agreement": "dissimilar" },
            { "feature": "Hairline", "probe": "Straight", "candidate": "Receding or hidden", "agreement": "dissimilar" }
        ],
        "conclusion": "no_match",
        "narrative": "None of the listed candidates agrees with the probe in ears, nose and hair line; no candidate was kept."
    });
    if let (Some(image), Some(record)) = (candidate, record.as_object_mut()) {
        record.insert("conclusion".to_owned(), json!("lead"));
        record.insert(
            "narrative".to_owned(),
            json!("Ear shape, nasal bridge and hair line agree; no feature speaks against the candidate. The probe's compression limits the comparison of the mouth."),
        );
        record.insert(
            "comparison".to_owned(),
            json!([
                { "feature": "Ears: lobe attachment", "probe": "Attached", "candidate": "Attached", "agreement": "similar" },
                { "feature": "Nose: bridge", "probe": "Straight", "candidate": "Straight", "agreement": "similar" },
                { "feature": "Mouth", "probe": "Blurred", "candidate": "Full lower lip", "agreement": "not_comparable", "note": "The probe's compression hides it." }
            ]),
        );
        record.insert(
            "candidate".to_owned(),
            json!({
                "repository": "DMS", "source_record": "2019-004711", "captured_on": "2019-06-02",
                "image": STANDARD.encode(image),
                "image_sha256": hex::encode(openssl::sha::sha256(image)),
                "name": "SAMPLE, CASEY", "date_of_birth": "1991-04-17", "cdl": "X0000000",
                "main_number": "0000001", "sid": "A00000001", "booking_number": "5550001",
                "comments": "Last contact recorded at Sample Plaza."
            }),
        );
    }
    record
}
