//! A sample form: complete, with a drawn picture.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::policy::StatementView;

/// Address of the requester, whose certificate the demonstration makes.
pub(super) const REQUESTER_EMAIL: &str = "jsample@pd.example.gov";

/// What differs from form to form.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// Requesting agency.
    pub ori: &'a str,
    /// Requester's address.
    pub email: &'a str,
    /// Case number.
    pub case_number: &'a str,
    /// The probe's bytes, JPEG.
    pub probe: &'a [u8],
    /// When it was signed.
    pub at: DateTime<Utc>,
    /// Statements to affirm.
    pub statements: &'a [StatementView],
}

/// The form as JSON.
#[expect(clippy::too_many_lines, reason = "a form is read as one piece")]
pub fn sample_form(sample: &Sample<'_>) -> Value {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let affirmations: Vec<Value> = sample
        .statements
        .iter()
        .filter(|statement| statement.affirm)
        .map(|s| json!({ "statement": s.statement, "text_sha256": s.text_sha256 }))
        .collect();
    let grounds = [
        "race",
        "religion",
        "ethnicity",
        "citizenship",
        "place_of_origin",
        "age",
        "disability",
        "gender",
        "gender_identification",
        "sexual_orientation",
        "other_protected_class",
        "religious_political_or_social_views",
        "constitutionally_protected_activity",
        "noncriminal_organization",
    ];
    let basis: serde_json::Map<String, Value> =
        grounds.iter().map(|ground| ((*ground).to_owned(), Value::Bool(false))).collect();
    json!({
        "form": "search_request.v1",
        "provider_unit": "lacris",
        "requesting_agency": sample.ori,
        "requester": {
            "name": "Jordan Sample", "phone": "+12135550142", "email": sample.email, "trained": true
        },
        "case_number": sample.case_number,
        "crime_type": { "code": "13A", "system": "nibrs", "description": "Aggravated assault" },
        "purpose": { "kind": "active_investigation" },
        "justification": {
            "situation": "Assault outside a store; the attacker fled on foot. A search may show who to look for.",
            "reasonable_suspicion": "The store's camera shows the person in the probe strike the victim twice; the victim and a clerk describe the same person and clothing."
        },
        "context": "investigation",
        "repositories": ["DMS", "CAFRI"],
        "subject_present": null,
        "surveillance": null,
        "predictive_analysis": false,
        "generative_ai_used": false,
        "images_attached": 1,
        "images": [{
            "file_name": "frame-0412.jpg",
            "media_type": "image/jpeg",
            "sha256": hex::encode(openssl::sha::sha256(sample.probe)),
            "content": STANDARD.encode(sample.probe),
            "source": {
                "kind": "cctv", "obtained_from": "Store owner, 5th Street", "legal_basis": "owner_consent",
                "reference": "evidence item 7"
            },
            "video": {
                "extracted": true, "live_stream": false, "custodian": "Store owner",
                "frame_time": time(sample.at - chrono::TimeDelta::days(1))
            },
            "depicts_employee": false,
            "derivatives": []
        }],
        "affirmations": affirmations,
        "basis": basis,
        "signature": {
            "printed_name": "Jordan Sample", "signed_at": time(sample.at), "method": "token", "value": ""
        },
        "supersedes": null
    })
}
