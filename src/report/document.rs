//! What a document says, as types. Only a [`ManualSearchReport`] has a lead image and demographics.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::domain::{Outcome, Personal};

/// The marking of every page of every document (LACRIS-RPT-1). It must not be changed (LACRIS-FTR-6).
pub const MARKING: &str = "UNCLASSIFIED//LAW ENFORCEMENT SENSITIVE";

/// A document to print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Document {
    /// The answer to a request whose outcome is an investigative lead.
    ManualSearchReport(Box<ManualSearchReport>),
    /// No possible match in the repositories searched (LACRIS-NM-1).
    NoMatchNotice(Box<Notice<NoMatch>>),
    /// No probe was suitable for a search (LACRIS-INV-2a, T15).
    UnsuitableProbeNotice(Box<Notice<UnsuitableProbe>>),
    /// The reviewers could neither offer nor exclude a lead.
    InconclusiveNotice(Box<Notice<Inconclusive>>),
    /// A reviewer declined the search (LACRIS-FA-1).
    DeclinedNotice(Box<Notice<Declined>>),
}

impl Document {
    /// The title that is printed.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::ManualSearchReport(_) => "Manual Search Report",
            Self::NoMatchNotice(_) => "No-Match Notice",
            Self::UnsuitableProbeNotice(_) => "Unsuitable-Probe Notice",
            Self::InconclusiveNotice(_) => "Inconclusive Notice",
            Self::DeclinedNotice(_) => "Declined Notice",
        }
    }

    /// The outcome that the document reports.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::ManualSearchReport(_) => Outcome::Lead,
            Self::NoMatchNotice(_) => Outcome::NoMatch,
            Self::UnsuitableProbeNotice(_) => Outcome::UnsuitableProbe,
            Self::InconclusiveNotice(_) => Outcome::Inconclusive,
            Self::DeclinedNotice(_) => Outcome::Declined,
        }
    }

    pub(super) const fn case(&self) -> &CaseBlock {
        match self {
            Self::ManualSearchReport(report) => &report.case,
            Self::NoMatchNotice(notice) => &notice.case,
            Self::UnsuitableProbeNotice(notice) => &notice.case,
            Self::InconclusiveNotice(notice) => &notice.case,
            Self::DeclinedNotice(notice) => &notice.case,
        }
    }

    pub(super) const fn letterhead(&self) -> &Letterhead {
        match self {
            Self::ManualSearchReport(report) => &report.letterhead,
            Self::NoMatchNotice(notice) => &notice.letterhead,
            Self::UnsuitableProbeNotice(notice) => &notice.letterhead,
            Self::InconclusiveNotice(notice) => &notice.letterhead,
            Self::DeclinedNotice(notice) => &notice.letterhead,
        }
    }

    /// Probe and lead picture, of a report only.
    pub(super) fn pictures(&self) -> Option<(&Picture, &Picture)> {
        match self {
            Self::ManualSearchReport(report) => Some((&report.probe, &report.lead)),
            Self::NoMatchNotice(_)
            | Self::UnsuitableProbeNotice(_)
            | Self::InconclusiveNotice(_)
            | Self::DeclinedNotice(_) => None,
        }
    }
}

/// The Manual Search Report of the LACRIS template, and its supplement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManualSearchReport {
    /// Who writes.
    pub letterhead: Letterhead,
    /// The mandated texts.
    pub statements: LeadStatements,
    /// The six fields of the form.
    pub case: CaseBlock,
    /// The submitted image (LACRIS-RPT-5).
    pub probe: Picture,
    /// The one investigative lead image (LACRIS-RPT-5).
    pub lead: Picture,
    /// What the repository says about the lead (LACRIS-RPT-7).
    pub demographics: Demographics,
    /// Recent arrests, contact locations (LACRIS-RPT-8). May have several lines.
    pub comments: Option<Personal<String>>,
    /// The supplement (T13, T14, T17).
    pub examination: Examination,
}

/// A notice. It has no place for a candidate's image or data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice<Finding> {
    /// Who writes.
    pub letterhead: Letterhead,
    /// The mandated texts.
    pub statements: NoticeStatements,
    /// The six fields of the form.
    pub case: CaseBlock,
    /// The images that the request carried, by hash.
    pub probes: Vec<ProbeReference>,
    /// What the unit adds. May have several lines.
    pub comments: Option<Personal<String>>,
    /// The second review, where the outcome asks for one.
    pub second_review: Option<SecondReview>,
    /// Where the audit log keeps this: entry and tree size, or a checkpoint.
    pub audit_reference: String,
    /// What this notice says beyond that.
    pub finding: Finding,
}

/// What a No-Match Notice adds: no candidate, and no count of candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoMatch {
    /// What was searched (T13).
    pub searches: Vec<Search>,
    /// The reviewer's note on quality and suitability.
    pub suitability: Personal<String>,
    /// Images made from the probes for the search (LACRIS-INV-2b).
    pub derivatives: Vec<Derivative>,
}

/// What an Unsuitable-Probe Notice adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnsuitableProbe {
    /// Why no probe was suitable, and what would help.
    pub reasons: Vec<Personal<String>>,
}

/// What an Inconclusive Notice adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inconclusive {
    /// What was searched (T13).
    pub searches: Vec<Search>,
    /// The reviewer's note on quality and suitability.
    pub suitability: Personal<String>,
    /// Images made from the probes for the search (LACRIS-INV-2b).
    pub derivatives: Vec<Derivative>,
}

/// What a Declined Notice adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declined {
    /// Each clause that stands against the search.
    pub grounds: Vec<Ground>,
}

/// A clause, and what it says to this request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ground {
    /// The clause's id.
    pub clause: String,
    /// The reason.
    pub reason: Personal<String>,
}

/// Who writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letterhead {
    /// The unit's name as printed: `Cal-ID / Facial Recognition Unit` (LACRIS-RPT-2).
    pub unit: String,
    /// The agency's logo, PNG or JPEG (LACRIS-BRD-1). It is the unit's own file, from its configuration.
    #[serde(serialize_with = "presence")]
    pub logo: Option<Vec<u8>>,
}

/// The mandated texts of a report, from the policy pack, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeadStatements {
    /// Not a positive identification (LACRIS-RPT-3).
    pub disclaimer: String,
    /// Viable for further investigation (LACRIS-RPT-6).
    pub lead_viable: String,
    /// What to do when the record is sealed (LACRIS-SEAL-1).
    pub seal: String,
    /// Property, handling and the unit's contact (LACRIS-FTR-1 to FTR-7).
    pub footer: String,
    /// What the unit's other packs mandate, for the supplement (SPD-AI-C2a).
    pub further: Vec<String>,
}

/// The mandated texts of a notice, from the policy pack, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeStatements {
    /// The text of this kind of notice (LACRIS-NM-1, LACRIS-NM-2, T15).
    pub body: String,
    /// What to do when the record is sealed (LACRIS-SEAL-1).
    pub seal: String,
    /// Property, handling and the unit's contact (LACRIS-FTR-1 to FTR-7).
    pub footer: String,
    /// What the unit's other packs mandate, for the supplement (SPD-AI-C2a).
    pub further: Vec<String>,
}

/// The six fields at the head of the form (LACRIS-RPT-4a to RPT-4f).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseBlock {
    /// The unit's own number, unique and free of gaps.
    pub fr_case_number: String,
    /// The requester.
    pub submitted_by: Personal<String>,
    /// When the reviewer searched; `None` where no search was made.
    #[serde(serialize_with = "printed_time_or_none")]
    pub date_searched: Option<DateTime<Utc>>,
    /// The requester's agency.
    pub investigating_agency: String,
    /// Who came to the result: of an adjudicated case the adjudicator; where the result is that two differed, both.
    pub face_reviewer: Personal<String>,
    /// The agency's case number.
    pub agency_case_number: Personal<String>,
}

/// A picture on the page: the copy that [`super::normalise`] made, and the hash of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// A JPEG from [`super::normalise`].
    #[serde(skip)]
    pub jpeg: Personal<Vec<u8>>,
    /// SHA-256 of the original file, in hexadecimal.
    pub sha256: String,
    /// What the picture is: source, date.
    pub caption: Personal<String>,
}

/// An image of the request, by hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeReference {
    /// What the image is.
    pub caption: Personal<String>,
    /// SHA-256 of the original file, in hexadecimal.
    pub sha256: String,
}

/// The demographic block (LACRIS-RPT-7a to RPT-7c). `None` prints `Not on record`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Demographics {
    /// Name.
    pub name: Option<Personal<String>>,
    /// Date of birth, as the repository writes it.
    pub date_of_birth: Option<Personal<String>>,
    /// California driver licence.
    pub cdl: Option<Personal<String>>,
    /// MAIN number.
    pub main_number: Option<Personal<String>>,
    /// State identification number.
    pub sid: Option<Personal<String>>,
    /// Recent booking number.
    pub recent_booking_number: Option<Personal<String>>,
}

/// The supplement of a report: how the lead came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// What was searched, and how many candidates each system returned (T13).
    pub searches: Vec<LeadSearch>,
    /// The reviewer's note on quality and suitability.
    pub suitability: Personal<String>,
    /// Images made from the probe for the search (LACRIS-INV-2b).
    pub derivatives: Vec<Derivative>,
    /// The morphological comparison (LACRIS-RPT-6).
    pub comparisons: Vec<Comparison>,
    /// The checklist that it was made with.
    pub checklist: Option<String>,
    /// Other sources that the candidate was checked against (APD-4D5).
    pub other_sources: Vec<Personal<String>>,
    /// The second review, or its waiver (T17).
    pub second_review: SecondReview,
    /// Where the audit log keeps this: entry and tree size, or a checkpoint.
    pub audit_reference: String,
}

/// One search of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Search {
    /// The repository (`DMS`, `CAFRI`).
    pub repository: String,
    /// The face recognition system.
    pub system: String,
    /// Its vendor.
    pub vendor: String,
    /// Its version.
    pub version: String,
    /// When.
    #[serde(serialize_with = "printed_time")]
    pub searched_at: DateTime<Utc>,
}

/// One search in a report: it also says how many candidates the system returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeadSearch {
    /// The search.
    #[serde(flatten)]
    pub search: Search,
    /// Candidates in the system's list.
    pub candidates: u32,
}

/// An image made from another for the search. The original is never replaced (LACRIS-INV-2b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Derivative {
    /// What was done: `crop`, `brightness +10`.
    pub operation: String,
    /// With which tool and version.
    pub tool: String,
    /// By whom.
    pub operator: Personal<String>,
    /// SHA-256 of the image it was made from, in hexadecimal.
    pub parent_sha256: String,
    /// SHA-256 of the result, in hexadecimal.
    pub sha256: String,
}

/// One feature of the morphological comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The feature: `ear, lobe attachment`.
    pub feature: String,
    /// As seen in the probe.
    pub probe: Personal<String>,
    /// As seen in the lead image.
    pub candidate: Personal<String>,
    /// How the two stand to each other.
    pub agreement: FeatureAgreement,
    /// What explains a difference, or limits the comparison.
    pub note: Option<Personal<String>>,
}

/// How a feature in the probe stands to the same in the lead image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FeatureAgreement {
    /// Alike.
    #[serde(rename = "Similar")]
    Similar,
    /// Unlike, and explained (age, pose, light).
    #[serde(rename = "Different, explained")]
    DifferentExplained,
    /// Unlike, and not explained.
    #[serde(rename = "Different")]
    Different,
    /// Not visible in one of them.
    #[serde(rename = "Not comparable")]
    NotComparable,
}

/// The second review (T17). It is blind: the second reviewer did not see the first answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum SecondReview {
    /// The second reviewer came to the same outcome.
    Concurred {
        /// Who.
        reviewer: Personal<String>,
        /// When.
        #[serde(serialize_with = "printed_time")]
        at: DateTime<Utc>,
    },
    /// The reviewers differed, and an adjudicator decided. It is not said who of them concluded what.
    Adjudicated {
        /// Who examined first.
        first: Personal<String>,
        /// Who examined second.
        second: Personal<String>,
        /// The adjudicator.
        adjudicator: Personal<String>,
        /// When the adjudicator decided.
        #[serde(serialize_with = "printed_time")]
        at: DateTime<Utc>,
    },
    /// The reviewers differed, and the unit left it at that.
    Differed {
        /// Who examined first.
        first: Personal<String>,
        /// Who examined second.
        second: Personal<String>,
        /// When the second one concluded.
        #[serde(serialize_with = "printed_time")]
        at: DateTime<Utc>,
    },
    /// It was waived.
    Waived {
        /// Who waived it.
        by: Personal<String>,
        /// Why.
        reason: Personal<String>,
    },
}

/// A time as printed, in UTC to the minute.
pub(super) fn print_time(at: &DateTime<Utc>) -> String {
    at.format("%B %-d, %Y, %H:%M UTC").to_string()
}

fn printed_time<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&print_time(at))
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn printed_time_or_none<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&at.as_ref().map(print_time))
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn presence<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(bytes.is_some())
}
