//! The documents that leave a unit: the Manual Search Report and the notices, as archival PDF.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`document`] | what a document says, as types: a notice has no place for a candidate |
//! | [`render`](mod@render) | document to PDF/A-2a and PDF/UA-1, a pure function |
//! | `world` | what the typesetter may read: templates, data and pictures from memory, nothing else |
//! | `text` | what can be printed, and how the rest is spelled out |
//! | [`picture`] | an evidence image made fit for a page |
//! | [`likeness`] | the hashes of a whole picture, by which a copy of it is found |
//! | [`sandbox`] | the same in a child process with limits |
//! | [`samples`] | drawn sample faces for the demonstration and for tests |
//!
//! The forms follow the LACRIS template (LACRIS-RPT-1 to RPT-8, NM-1, SEAL-1, FTR-1 to FTR-7).
//! Everything that the template lacks stands in a supplement behind the official block (T14).

pub mod document;
pub mod likeness;
pub mod picture;
pub mod render;
pub mod samples;
pub mod sandbox;
mod text;
mod world;

pub use document::{
    CaseBlock, Comparison, Declined, Demographics, Derivative, Document, Examination,
    FeatureAgreement, Ground, Inconclusive, LeadSearch, LeadStatements, Letterhead,
    ManualSearchReport, NoMatch, Notice, NoticeStatements, Picture, ProbeReference, Search,
    SecondReview, UnsuitableProbe,
};
pub use likeness::picture_views;
pub use picture::{PictureError, PictureLimits, normalise};
pub use render::{Pdf, ReportError, render};
pub use sandbox::{hash_in_child, normalise_in_child, run_picture_worker};
