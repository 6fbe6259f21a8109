//! What an examination's record says, as the document prints it.

use chrono::{DateTime, Utc};

use crate::domain::Personal;
use crate::domain::examination::{Agreement, Candidate, Examination, ProbeDerivative, Search};
use crate::report::document as paper;

pub(super) fn filled(text: &Personal<String>) -> Option<Personal<String>> {
    (!text.expose().trim().is_empty()).then(|| text.clone())
}

pub(super) fn demographics(candidate: &Candidate) -> paper::Demographics {
    paper::Demographics {
        name: filled(&candidate.name),
        date_of_birth: filled(&candidate.date_of_birth),
        cdl: filled(&candidate.cdl),
        main_number: filled(&candidate.main_number),
        sid: filled(&candidate.sid),
        recent_booking_number: filled(&candidate.booking_number),
    }
}

pub(super) fn one_search(search: &Search) -> paper::Search {
    let searched_at: DateTime<Utc> = search.searched_at.with_timezone(&Utc);
    paper::Search {
        repository: search.repository.clone(),
        system: search.system.clone(),
        vendor: search.vendor.clone(),
        version: search.version.clone(),
        searched_at,
    }
}

pub(super) fn searches(exam: &Examination) -> Vec<paper::Search> {
    exam.searches.iter().map(one_search).collect()
}

pub(super) fn suitability(exam: &Examination) -> Personal<String> {
    let notes: Vec<String> = exam
        .suitability
        .iter()
        .map(|entry| {
            let word = if entry.suitable { "suitable" } else { "not suitable" };
            format!("Probe {}: {word}. {}", entry.probe + 1, entry.note.expose())
        })
        .collect();
    Personal::new(notes.join(" "))
}

pub(super) fn derivatives(exam: &Examination) -> Vec<paper::Derivative> {
    exam.derivatives
        .iter()
        .map(|derivative: &ProbeDerivative| paper::Derivative {
            operation: derivative.operation.clone(),
            tool: derivative.tool.clone(),
            operator: derivative.operator.clone(),
            parent_sha256: derivative.parent_sha256.clone(),
            sha256: derivative.sha256.clone(),
        })
        .collect()
}

pub(super) fn comparisons(exam: &Examination) -> Vec<paper::Comparison> {
    exam.comparison
        .iter()
        .map(|line| paper::Comparison {
            feature: line.feature.clone(),
            probe: line.probe.clone(),
            candidate: line.candidate.clone(),
            agreement: match line.agreement {
                Agreement::Similar => paper::FeatureAgreement::Similar,
                Agreement::Explained => paper::FeatureAgreement::DifferentExplained,
                Agreement::Dissimilar => paper::FeatureAgreement::Different,
                Agreement::NotComparable => paper::FeatureAgreement::NotComparable,
            },
        })
        .collect()
}
