//! The form `search_request.v1`: what an agency submits, untrusted until it is checked.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `request` | the form and the members that say who asks, and why |
//! | `image` | one submitted image, its video, its derivatives |
//! | `source` | where an image came from |
//! | `attest` | grounds, affirmations, signature, supervisor's approval |
//!
//! The types serialise back to the JSON they came from, so that a sealed record is the form itself.
//! Free text that a requester wrote is [`Personal`](super::Personal); closed lists, dates, hashes
//! and identifiers are not.

mod attest;
mod image;
mod request;
mod source;

#[cfg(test)]
mod tests;

pub use attest::{Basis, FormAffirmation, Signature, SignatureMethod, SupervisorApproval};
pub use image::{Derivative, DerivativeOperation, FormImage, MediaType, Video};
pub use request::{
    Context, CrimeSystem, CrimeType, Form, FormVersion, IdException, IdExceptionReason,
    Justification, Purpose, PurposeKind, Requester, SubjectPresent, Supervisor, Surveillance,
    SurveillanceException,
};
pub use source::{
    AtmBasis, BodyWornBasis, CctvBasis, ImageSource, ImageSourceKind, ProvidedBy, SocialMediaAccess,
};
