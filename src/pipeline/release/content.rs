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
            let quality = entry.quality.map(|quality| format!(" {}", quality.printed()));
            let quality = quality.unwrap_or_default();
            format!("Probe {}: {word}.{quality} {}", entry.probe + 1, entry.note.expose())
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
            note: filled(&line.note),
        })
        .collect()
}

/// The checklist's name on the page.
pub(super) fn checklist(exam: &Examination) -> Option<String> {
    let used = exam.checklist.as_ref()?;
    Some(format!("version {}, SHA-256 {}", used.version, used.sha256))
}

/// The sources that were asked; blank lines are none.
pub(super) fn other_sources(exam: &Examination) -> Vec<Personal<String>> {
    exam.verified_with.iter().filter_map(filled).collect()
}

/// What stands below the candidate's image: where it comes from, and when it was taken.
pub(super) fn lead_caption(candidate: &Candidate) -> String {
    let mut caption = format!("Repository {}", candidate.repository);
    if let Some(record) = filled(&candidate.source_record) {
        caption = format!("{caption}, record {}", record.expose());
    }
    if let Some(date) = filled(&candidate.captured_on) {
        caption = format!("{caption}, taken on {}", date.expose());
    }
    caption
}
