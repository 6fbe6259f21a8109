//! What is wrong with the shape of an examination.

use super::{Conclusion, Examination};
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
    faults.extend(conclusion_faults(exam));
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
