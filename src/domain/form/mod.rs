//! The form `search_request.v1`: what an agency submits, untrusted until it is checked.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `request`, `crime`, `purpose` | the form and the members that say who asks, and why |
//! | `image` | one submitted image, its video, its derivatives |
//! | `source`, `source_lists` | where an image came from |
//! | `attest` | grounds, affirmations, signature, supervisor's approval |
//! | `parse` | bytes in, a form out, or every reason why not |
//! | `strict_json`, `schema` with `patterns`, `text` | the layers of that: JSON, shape, characters |
//! | `pointer` | JSON pointers |
//! | `limits` | how many images, and how large |
//! | `canonical` | what a signature covers (RFC 8785) |
//!
//! The types serialise back to the JSON they came from, so that a sealed record is the form itself.
//! Free text that a requester wrote is [`Personal`](super::Personal); closed lists, dates, hashes
//! and identifiers are not.

mod attest;
mod canonical;
mod crime;
mod image;
mod limits;
mod parse;
mod patterns;
mod pointer;
mod purpose;
mod request;
mod schema;
mod source;
mod source_lists;
mod strict_json;
mod text;

#[cfg(test)]
mod tests;

pub use attest::{Basis, FormAffirmation, Signature, SignatureMethod, SupervisorApproval};
pub use canonical::{body_digest, signed_bytes};
pub use crime::{CrimeSystem, CrimeType};
pub use image::{Derivative, DerivativeOperation, FormImage, MediaType, Video};
pub use limits::FormLimits;
pub use parse::{ParseFailure, parse_form};
pub use purpose::{Purpose, PurposeKind, Supervisor};
pub use request::{
    Context, Form, FormVersion, IdException, IdExceptionReason, Justification, Requester,
    SubjectPresent, Surveillance, SurveillanceException,
};
pub use schema::SCHEMA;
pub use source::ImageSource;
pub use source_lists::{
    AtmBasis, BodyWornBasis, CctvBasis, ImageSourceKind, ProvidedBy, SocialMediaAccess,
};
