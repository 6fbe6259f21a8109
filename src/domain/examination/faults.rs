//! What is wrong with the shape of an examination.

use chrono::NaiveDate;

use super::{Checklist, Conclusion, Examination, Pose};
use crate::domain::{Personal, ShapeError};

/// What is wrong with the shape of an examination: `(code, pointer, message)` each.
pub fn examination_faults(exam: &Examination, probes: usize) -> Vec<ShapeError> {
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
    for (place, entry) in exam.suitability.iter().enumerate() {
        let pose = entry.quality.map(|quality| quality.pose);
        if entry.frontal == Some(true) && pose.is_some_and(|pose| pose != Pose::Frontal) {
            faults.push(ShapeError::new(
                "suitability",
                format!("/suitability/{place}/frontal"),
                "`frontal` says the face is seen from the front, `quality` says it is not",
            ));
        }
    }
    faults.extend(conclusion_faults(exam));
    faults.extend(candidate_faults(exam));
    faults
}

/// What is wrong with the lines of a comparison under this checklist.
pub fn comparison_faults(exam: &Examination, checklist: &Checklist) -> Vec<ShapeError> {
    let mut faults = Vec::new();
    for (place, line) in exam.comparison.iter().enumerate() {
        if !checklist.knows(&line.feature) {
            faults.push(ShapeError::new(
                "feature_unknown",
                format!("/comparison/{place}/feature"),
                "the unit's checklist has no such feature; `leadbroker checklist` lists them",
            ));
        }
        let texts = [&line.probe, &line.candidate, &line.note];
        if texts.iter().any(|text| text.expose().chars().count() > 1000) {
            faults.push(ShapeError::new(
                "length",
                format!("/comparison/{place}"),
                "at most 1,000 characters each",
            ));
        }
    }
    if exam.checklist.as_ref().is_some_and(|used| *used != checklist.used()) {
        faults.push(ShapeError::new(
            "checklist_changed",
            "/checklist",
            "the unit's checklist is another one now; read it again, or leave `checklist` out",
        ));
    }
    faults
}

/// Every derivative starts from a probe or from an earlier derivative (LACRIS-INV-2b). `probes`: SHA-256, hexadecimal.
pub fn derivative_faults(exam: &Examination, probes: &[&str]) -> Vec<ShapeError> {
    let mut known: Vec<String> = probes.iter().map(|hash| hash.to_lowercase()).collect();
    let mut faults = Vec::new();
    for (place, step) in exam.derivatives.iter().enumerate() {
        if !known.contains(&step.parent_sha256.to_lowercase()) {
            faults.push(ShapeError::new(
                "derivative_parent",
                format!("/derivatives/{place}/parent_sha256"),
                "no probe and no earlier step has this SHA-256; a chain starts from a probe (LACRIS-INV-2b)",
            ));
        }
        known.push(step.sha256.to_lowercase());
    }
    faults
}

fn candidate_faults(exam: &Examination) -> Vec<ShapeError> {
    let Some(candidate) = &exam.candidate else { return Vec::new() };
    let date = candidate.captured_on.expose().trim();
    let mut faults = Vec::new();
    if !date.is_empty() && date.parse::<NaiveDate>().is_err() {
        faults.push(ShapeError::new(
            "date",
            "/candidate/captured_on",
            "expected a date, `YYYY-MM-DD`",
        ));
    }
    if candidate.source_record.expose().chars().count() > 200 {
        faults.push(ShapeError::new(
            "length",
            "/candidate/source_record",
            "at most 200 characters",
        ));
    }
    faults
}

/// What contradicts the conclusion.
fn conclusion_faults(exam: &Examination) -> Vec<ShapeError> {
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
