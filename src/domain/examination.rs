//! What a reviewer records: suitability, search, comparison, conclusion.
//!
//! The same record serves the first examination, the blind second review and the adjudication.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::{Outcome, Personal};

/// How a reviewer can conclude. A lead is all that it can say.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Conclusion {
    /// An investigative lead.
    Lead,
    /// No possible match in the repositories that were searched.
    NoMatch,
    /// No probe is suitable for a search (LACRIS-INV-2a).
    UnsuitableProbe,
    /// Neither a lead nor its absence can be stated.
    Inconclusive,
    /// The reviewer declines the search, citing a clause (LACRIS-FA-1).
    Declined,
}

impl From<Conclusion> for Outcome {
    fn from(conclusion: Conclusion) -> Self {
        match conclusion {
            Conclusion::Lead => Self::Lead,
            Conclusion::NoMatch => Self::NoMatch,
            Conclusion::UnsuitableProbe => Self::UnsuitableProbe,
            Conclusion::Inconclusive => Self::Inconclusive,
            Conclusion::Declined => Self::Declined,
        }
    }
}

/// Whether one probe can be searched, and why (LACRIS-INV-2a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suitability {
    /// Place of the probe in the form, from 0.
    pub probe: usize,
    /// Can it be searched.
    pub suitable: bool,
    /// Why: pose, resolution, occlusion, light, compression.
    pub note: Personal<String>,
    /// It shows the face from the front, where a policy asks (APD-3G2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontal: Option<bool>,
}

/// One step from a probe, or from an earlier step, to the image that was searched (LACRIS-INV-2b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeDerivative {
    /// What was done (`crop`, `rotate`, `brightness`).
    pub operation: String,
    /// With which tool.
    pub tool: String,
    /// By whom.
    pub operator: Personal<String>,
    /// SHA-256 of the image before, hexadecimal.
    pub parent_sha256: String,
    /// SHA-256 of the image after, hexadecimal.
    pub sha256: String,
}

/// One search of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Repository id (`DMS`).
    pub repository: String,
    /// System that was used.
    pub system: String,
    /// Its vendor.
    pub vendor: String,
    /// Its version.
    pub version: String,
    /// When (LACRIS-RPT-4c: the date searched, not the date of the print).
    pub searched_at: DateTime<FixedOffset>,
    /// Candidates that the system listed.
    pub candidates: u32,
}

/// How two features compare.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Agreement {
    /// Alike.
    Similar,
    /// Unlike, for a reason that the narrative gives (age, lens, light).
    Explained,
    /// Unlike.
    Dissimilar,
    /// Cannot be told.
    NotComparable,
}

/// One line of the morphological comparison (LACRIS-RPT-6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureComparison {
    /// The feature (`ears`, `nose`, `scars`).
    pub feature: String,
    /// What the probe shows.
    pub probe: Personal<String>,
    /// What the candidate shows.
    pub candidate: Personal<String>,
    /// How they compare.
    pub agreement: Agreement,
}

/// The one candidate of a lead (LACRIS-RPT-5, RPT-7a to 7c, RPT-8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Repository that holds the image.
    pub repository: String,
    /// The image, base64 (JPEG or PNG). Dropped when stored; the sealed image has its own place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// SHA-256 of the image, hexadecimal.
    pub image_sha256: String,
    /// Name.
    pub name: Personal<String>,
    /// Date of birth, `YYYY-MM-DD`.
    pub date_of_birth: Personal<String>,
    /// California driver licence.
    #[serde(default)]
    pub cdl: Personal<String>,
    /// MAIN number.
    #[serde(default)]
    pub main_number: Personal<String>,
    /// State identification number.
    pub sid: Personal<String>,
    /// Most recent booking number.
    #[serde(default)]
    pub booking_number: Personal<String>,
    /// Recent arrests or contact locations.
    #[serde(default)]
    pub comments: Personal<String>,
}

/// A reviewer's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examination {
    /// One for every probe.
    pub suitability: Vec<Suitability>,
    /// Steps that led from a probe to the searched image; the original never changes (LACRIS-INV-2b).
    #[serde(default)]
    pub derivatives: Vec<ProbeDerivative>,
    /// Searches.
    #[serde(default)]
    pub searches: Vec<Search>,
    /// Comparison, for a lead.
    #[serde(default)]
    pub comparison: Vec<FeatureComparison>,
    /// The conclusion.
    pub conclusion: Conclusion,
    /// Its reasons (LACRIS-DOC-1).
    pub narrative: Personal<String>,
    /// The candidate, for a lead only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// The clause under which the search is declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined_under: Option<String>,
    /// Other resources and databases that the candidate was checked against (APD-4D5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verified_with: Vec<Personal<String>>,
    /// What the review for indications of bias found, and what was done about it (SPD-AI-B3).
    #[serde(default)]
    pub bias_review: Personal<String>,
    /// Where generative AI made or altered something of this record (SPD-AI-C1, C2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generative_ai: Option<GenerativeAi>,
}

/// The use of generative AI in an examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerativeAi {
    /// The reviewer has reviewed what it made for accuracy (SPD-AI-C2).
    pub reviewed: bool,
    /// The supervisor who approved its use beforehand (SPD-AI-C1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Personal<String>>,
}

impl Examination {
    /// Whether every probe that was found suitable is recorded as showing the face from the front, and there is one.
    pub fn is_frontal(&self) -> bool {
        let mut suitable = self.suitability.iter().filter(|entry| entry.suitable).peekable();
        suitable.peek().is_some() && suitable.all(|entry| entry.frontal == Some(true))
    }

    /// Whether the reasons or the comments say that a face is somebody, and not that it may lead to somebody (OX-461.3f2).
    pub fn claims_identity(&self) -> bool {
        let comments = self.candidate.as_ref().map(|candidate| &candidate.comments);
        claims_identity(&self.narrative) || comments.is_some_and(claims_identity)
    }

    /// How many other resources the candidate was checked against; blank lines do not count.
    pub fn resources_asked(&self) -> usize {
        self.verified_with.iter().filter(|name| !name.expose().trim().is_empty()).count()
    }

    /// Whether another examiner, who did not see this record, came to the same end: the same conclusion, and for
    /// a lead the same person's record.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.conclusion == other.conclusion
            && match (&self.candidate, &other.candidate) {
                (Some(mine), Some(theirs)) => mine.sid == theirs.sid,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
    }

    /// When the last search was made.
    pub fn searched_at(&self) -> Option<DateTime<FixedOffset>> {
        self.searches.iter().map(|search| search.searched_at).max()
    }

    /// Number of letters of the reasons.
    pub fn narrative_letters(&self) -> usize {
        letters(&self.narrative)
    }

    /// Number of letters of the review for bias.
    pub fn bias_review_letters(&self) -> usize {
        letters(&self.bias_review)
    }
}

fn letters(text: &Personal<String>) -> usize {
    text.expose().chars().filter(|c| c.is_alphabetic()).count()
}

/// Words that say more than a lead can say.
const IDENTITY: [&str; 13] = [
    "positive identification",
    "positively identif",
    "identified as",
    "identifies the person as",
    "positive match",
    "confirmed match",
    "match confirmed",
    "is the same person",
    "are the same person",
    "is the suspect",
    "without doubt",
    "100%",
    "100 %",
];
/// The same, denied: a reviewer may say what a lead is not.
const DENIED: [&str; 4] = [
    "not a positive identification",
    "no positive identification",
    "not positively identif",
    "not be identified as",
];

fn claims_identity(text: &Personal<String>) -> bool {
    let words: Vec<&str> = text.expose().split_whitespace().collect();
    let mut plain = words.join(" ").to_lowercase();
    for denied in DENIED {
        plain = plain.replace(denied, "");
    }
    IDENTITY.iter().any(|phrase| plain.contains(phrase))
}

/// What is wrong with the shape of an examination: `(code, pointer, message)` each.
pub fn examination_faults(exam: &Examination, probes: usize) -> Vec<super::ShapeError> {
    use super::ShapeError;
    let mut faults = Vec::new();
    for ordinal in 0..probes {
        if exam.suitability.iter().filter(|entry| entry.probe == ordinal).count() != 1 {
            faults.push(ShapeError::new(
                "suitability_missing",
                "/suitability",
                format!("state once whether probe {ordinal} is suitable (LACRIS-INV-2a)"),
            ));
        }
    }
    if exam.suitability.iter().any(|entry| entry.probe >= probes) {
        faults.push(ShapeError::new(
            "probe_unknown",
            "/suitability",
            format!("the form has {probes} probes, counted from 0"),
        ));
    }
    faults.extend(conclusion_faults(exam));
    faults
}

/// What contradicts the conclusion.
fn conclusion_faults(exam: &Examination) -> Vec<super::ShapeError> {
    use super::ShapeError;
    let mut faults = Vec::new();
    let lead = exam.conclusion == Conclusion::Lead;
    if lead != exam.candidate.is_some() {
        faults.push(ShapeError::new(
            "candidate",
            "/candidate",
            "a lead has exactly one candidate; every other conclusion has none (LACRIS-RPT-5)",
        ));
    }
    if lead && exam.candidate.as_ref().is_some_and(|c| c.sid.expose().trim().is_empty()) {
        faults.push(ShapeError::new(
            "candidate_sid",
            "/candidate/sid",
            "the state identification number tells the second review whether both mean the same record",
        ));
    }
    if (exam.conclusion == Conclusion::Declined) != exam.declined_under.is_some() {
        faults.push(ShapeError::new(
            "declined_under",
            "/declined_under",
            "a declined search cites the clause it would break; no other conclusion does",
        ));
    }
    if exam.conclusion == Conclusion::UnsuitableProbe && exam.suitability.iter().any(|e| e.suitable)
    {
        faults.push(ShapeError::new(
            "suitability",
            "/conclusion",
            "`unsuitable_probe` means that no probe is suitable; one is marked as suitable",
        ));
    }
    let long = |text: &Personal<String>| text.expose().chars().count() > 4000;
    if long(&exam.bias_review) {
        faults.push(ShapeError::new("length", "/bias_review", "at most 4,000 characters"));
    }
    if long(&exam.narrative) || exam.candidate.as_ref().is_some_and(|c| long(&c.comments)) {
        faults.push(ShapeError::new("length", "/narrative", "at most 4,000 characters"));
    }
    if exam.verified_with.len() > 20
        || exam.verified_with.iter().any(|name| name.expose().chars().count() > 200)
    {
        faults.push(ShapeError::new(
            "length",
            "/verified_with",
            "at most 20 resources of 200 characters each",
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(sid: &str) -> Examination {
        serde_json::from_value(serde_json::json!({
            "suitability": [{ "probe": 0, "suitable": true, "note": "frontal" }],
            "conclusion": "lead",
            "narrative": "Ears and nose agree.",
            "candidate": { "repository": "DMS", "image_sha256": "00", "name": "Sample", "date_of_birth": "1990-01-01", "sid": sid }
        }))
        .unwrap()
    }

    #[test]
    fn two_leads_agree_only_about_the_same_record() {
        assert!(lead("A1").agrees_with(&lead("A1")));
        assert!(!lead("A1").agrees_with(&lead("A2")));
        let mut none = lead("A1");
        none.conclusion = Conclusion::NoMatch;
        none.candidate = None;
        assert!(!lead("A1").agrees_with(&none));
    }

    #[test]
    fn a_search_names_its_system_vendor_and_version() {
        let search = serde_json::json!({
            "repository": "DMS", "system": "Sample search system", "vendor": "Sample vendor", "version": "4.2",
            "searched_at": "2024-05-03T10:12:00-07:00", "candidates": 24
        });
        assert!(serde_json::from_value::<Search>(search.clone()).is_ok());
        for member in ["repository", "system", "vendor", "version"] {
            let mut less = search.clone();
            less.as_object_mut().unwrap().remove(member);
            assert!(serde_json::from_value::<Search>(less).is_err(), "{member}");
        }
    }

    #[test]
    fn front_facing_means_every_suitable_probe_and_a_blank_line_is_no_resource() {
        let mut exam = lead("A1");
        assert!(!exam.is_frontal());
        exam.suitability[0].frontal = Some(true);
        assert!(exam.is_frontal());
        let mut second = exam.suitability[0].clone();
        second.frontal = Some(false);
        exam.suitability.push(second);
        assert!(!exam.is_frontal());
        exam.suitability[1].suitable = false;
        assert!(exam.is_frontal());
        exam.suitability[0].suitable = false;
        assert!(!exam.is_frontal(), "no suitable probe, no front");
        exam.verified_with = vec![Personal::new(" ".to_owned()), Personal::new("DMV".to_owned())];
        assert_eq!(exam.resources_asked(), 1);
        exam.verified_with = vec![Personal::new("x".repeat(201))];
        assert!(examination_faults(&exam, 2).iter().any(|fault| fault.pointer == "/verified_with"));
    }

    #[test]
    fn what_says_that_a_face_is_somebody_is_noticed() {
        let says = |narrative: &str, comments: &str| {
            let mut exam = lead("A1");
            exam.narrative = Personal::new(narrative.to_owned());
            exam.candidate.as_mut().unwrap().comments = Personal::new(comments.to_owned());
            exam.claims_identity()
        };
        for plain in [
            "Ear shape and hair line agree; nothing speaks against the candidate.",
            "This is not a positive identification.",
            "The scar could not be identified as such in the probe.",
            "Victim and clerk describe the same person.",
            "",
        ] {
            assert!(!says(plain, ""), "{plain}");
        }
        for claim in [
            "The attacker was Positively\n identified.",
            "Identified as the man of the booking photograph.",
            "Not a positive identification by ear alone, but it is the same person.",
            "A 100% hit.",
        ] {
            assert!(says(claim, "") && says("", claim), "{claim}");
        }
    }

    #[test]
    fn an_examination_is_complete_or_says_what_is_missing() {
        assert_eq!(examination_faults(&lead("A1"), 1), []);
        assert_eq!(examination_faults(&lead(" "), 2).len(), 2);
        let mut declined = lead("A1");
        declined.conclusion = Conclusion::Declined;
        let codes: Vec<String> =
            examination_faults(&declined, 1).into_iter().map(|fault| fault.code).collect();
        assert_eq!(codes, ["candidate", "declined_under"]);
    }
}
