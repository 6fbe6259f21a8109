//! From document to PDF: a pure function, the same bytes for the same input.

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::Serialize;
use typst::foundations::{Datetime, Smart};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use super::document::{Document, MARKING, print_time};
use super::text;
use super::world::{DocumentWorld, Template};
use crate::domain::Personal;

/// Largest picture, in bytes.
const MAX_PICTURE: usize = 4 * 1024 * 1024;
/// Largest logo, in bytes (LACRIS-BRD-1).
const MAX_LOGO: usize = 512 * 1024;

/// Why a document could not be made. Never holds text of the document.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A text or a list is longer than a document may hold.
    #[error("print `{field}`: it is longer than a document may hold; shorten it")]
    TooLong {
        /// Where.
        field: String,
    },
    /// A mandated text is empty, or has a character that the typeface lacks.
    #[error(
        "print the statement `{field}` byte for byte; fill it, in Latin, Greek or Cyrillic letters"
    )]
    Statement {
        /// Where.
        field: String,
    },
    /// A hash is not 64 lower-case hexadecimal digits.
    #[error("print `{field}`: it is no SHA-256 in lower-case hexadecimal digits")]
    Hash {
        /// Where.
        field: String,
    },
    /// The report would state a search and a comparison that are not recorded (LACRIS-RPT-6).
    #[error("print the report: record the {missing} first")]
    Incomplete {
        /// What is not recorded.
        missing: &'static str,
    },
    /// A picture is no JPEG of [`super::normalise`], or too large.
    #[error("print the {which}: it is no normalised JPEG of at most {limit} bytes")]
    Picture {
        /// `probe` or `lead`.
        which: &'static str,
        /// In bytes.
        limit: usize,
    },
    /// The logo is neither PNG nor JPEG, or too large.
    #[error("print the logo: it must be a PNG or JPEG of at most {limit} bytes")]
    Logo {
        /// In bytes.
        limit: usize,
    },
    /// The document has no JSON form.
    #[error("write the document's data")]
    Data(#[from] serde_json::Error),
    /// A template is wrong.
    #[error("typeset the document: {message}")]
    Template {
        /// What the typesetter says.
        message: String,
    },
    /// The result does not conform to PDF/A-2a and PDF/UA-1. What the typesetter says may quote the
    /// document, so it is not repeated.
    #[error("export the document as PDF/A-2a and PDF/UA-1")]
    Export,
}

/// A finished document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdf {
    bytes: Personal<Vec<u8>>,
    pages: usize,
}

impl Pdf {
    /// The file.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.expose()
    }

    /// The number of pages.
    pub const fn pages(&self) -> usize {
        self.pages
    }
}

/// What the templates read.
#[derive(Serialize)]
struct Context<'a> {
    title: &'static str,
    marking: &'static str,
    made_at: String,
    #[serde(flatten)]
    document: &'a Document,
}

/// Prints `document`. CPU work of some ten milliseconds (half a second in a debug build): call it
/// from `spawn_blocking`. `made_at` is printed and becomes the file's creation date.
pub fn render(document: &Document, made_at: DateTime<Utc>) -> Result<Pdf, ReportError> {
    complete(document)?;
    let mut data = serde_json::to_value(Context {
        title: document.title(),
        marking: MARKING,
        made_at: print_time(&made_at),
        document,
    })?;
    text::prepare(&mut data)?;
    let mut files = vec![("/data.json", serde_json::to_vec(&data)?)];
    files.extend(pictures(document)?);
    let template = if document.pictures().is_some() { Template::Report } else { Template::Notice };
    let world = DocumentWorld::new(template, files)?;
    let outcome = export(&world, &identity(document, made_at), made_at);
    // Nothing of one document stays in the typesetter's cache for the next.
    typst::comemo::evict(0);
    outcome
}

/// The sentence of LACRIS-RPT-6 is printed only over a recorded search and comparison.
fn complete(document: &Document) -> Result<(), ReportError> {
    match document {
        Document::ManualSearchReport(report) if report.examination.searches.is_empty() => {
            Err(ReportError::Incomplete { missing: "search" })
        }
        Document::ManualSearchReport(report) if report.examination.comparisons.is_empty() => {
            Err(ReportError::Incomplete { missing: "morphological comparison" })
        }
        Document::ManualSearchReport(_)
        | Document::NoMatchNotice(_)
        | Document::UnsuitableProbeNotice(_)
        | Document::InconclusiveNotice(_)
        | Document::DeclinedNotice(_) => Ok(()),
    }
}

/// A stable name of this document; only its hash is in the file.
fn identity(document: &Document, made_at: DateTime<Utc>) -> String {
    format!(
        "leadbroker/{}/{}/{}",
        document.title(),
        document.case().fr_case_number,
        made_at.timestamp_micros()
    )
}

fn pictures(document: &Document) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    let mut files = Vec::new();
    if let Some((probe, lead)) = document.pictures() {
        for (which, path, picture) in [("probe", "/probe.jpg", probe), ("lead", "/lead.jpg", lead)]
        {
            let jpeg = picture.jpeg.expose();
            if jpeg.len() > MAX_PICTURE || !jpeg.starts_with(&[0xFF, 0xD8, 0xFF]) {
                return Err(ReportError::Picture { which, limit: MAX_PICTURE });
            }
            files.push((path, jpeg.clone()));
        }
    }
    if let Some(logo) = &document.letterhead().logo {
        let known = logo.starts_with(&[0xFF, 0xD8, 0xFF]) || logo.starts_with(b"\x89PNG\r\n\x1a\n");
        if logo.len() > MAX_LOGO || !known {
            return Err(ReportError::Logo { limit: MAX_LOGO });
        }
        files.push(("/logo", logo.clone()));
    }
    Ok(files)
}

fn export(world: &DocumentWorld, name: &str, made_at: DateTime<Utc>) -> Result<Pdf, ReportError> {
    let paged: PagedDocument =
        typst::compile(world).output.map_err(|errors| ReportError::Template {
            message: errors.first().map(|error| error.message.to_string()).unwrap_or_default(),
        })?;
    let standards = PdfStandards::new(&[PdfStandard::A_2a, PdfStandard::Ua_1])
        .map_err(|_| ReportError::Export)?;
    let options = PdfOptions {
        ident: Smart::Custom(name.to_owned()),
        creator: Smart::Custom(Some("leadbroker".to_owned())),
        timestamp: timestamp(made_at),
        standards,
        ..PdfOptions::default()
    };
    let bytes = typst_pdf::pdf(&paged, &options).map_err(|_| ReportError::Export)?;
    Ok(Pdf { bytes: Personal::new(bytes), pages: paged.pages().len() })
}

fn timestamp(at: DateTime<Utc>) -> Option<Timestamp> {
    let part = |value: u32| u8::try_from(value).ok();
    Datetime::from_ymd_hms(
        at.year(),
        part(at.month())?,
        part(at.day())?,
        part(at.hour())?,
        part(at.minute())?,
        part(at.second())?,
    )
    .map(Timestamp::new_utc)
}
