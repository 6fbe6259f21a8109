//! The form `search_request.v1`: what an agency submits, untrusted until it is checked.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `request` | the form and the members that say who asks, and why |
//! | `image` | one submitted image, its video, its derivatives |
//! | `source` | where an image came from |
//! | `attest` | grounds, affirmations, signature, supervisor's approval |
//! | `parse` | bytes in, a form out, or every reason why not |
//! | `strict_json`, `schema`, `text` | the three layers of that: JSON, shape, characters |
//! | `limits` | how many images, and how large |
//! | `canonical` | what a signature covers (RFC 8785) |
//!
//! The types serialise back to the JSON they came from, so that a sealed record is the form itself.
//! Free text that a requester wrote is [`Personal`](super::Personal); closed lists, dates, hashes
//! and identifiers are not.

mod attest;
mod canonical;
mod image;
mod limits;
mod parse;
mod pointer;
mod request;
mod schema;
mod source;
mod strict_json;
mod text;

#[cfg(test)]
mod tests;

pub use attest::{Basis, FormAffirmation, Signature, SignatureMethod, SupervisorApproval};
pub use canonical::{body_digest, signed_bytes};
pub use image::{Derivative, DerivativeOperation, FormImage, MediaType, Video};
pub use limits::FormLimits;
pub use parse::{ParseFailure, parse_form};
pub use request::{
    Context, CrimeSystem, CrimeType, Form, FormVersion, IdException, IdExceptionReason,
    Justification, Purpose, PurposeKind, Requester, SubjectPresent, Supervisor, Surveillance,
    SurveillanceException,
};
pub use schema::SCHEMA;
pub use source::{
    AtmBasis, BodyWornBasis, CctvBasis, ImageSource, ImageSourceKind, ProvidedBy, SocialMediaAccess,
};
