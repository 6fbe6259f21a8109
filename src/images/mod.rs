//! What a probe file is, by its bytes: structure only, no pixel is decoded here.
//!
//! Nothing is allocated in proportion to what a header announces. The walk finds files that are cut
//! off, damaged in their structure, disguised, or built to exhaust a decoder; a flipped bit inside
//! a JPEG's entropy-coded data has no structure to break and shows only in the declared hash
//! ([`ImageFacts::matches_declared_hash`]).
//!
//! | file | what it holds |
//! | --- | --- |
//! | `facts` | facts, faults, limits |
//! | `inspect` | the order of the questions |
//! | `sniff` | what a file seems to be |
//! | `png`, `jpeg`, `heic` | the walks |
//! | `exif` | the orientation, and nothing else |
//! | [`likeness`] | whether two files show the same picture, by hashes that the picture worker makes |
//! | `cursor` | reading that cannot leave the file |

mod cursor;
mod exif;
mod facts;
mod heic;
mod inspect;
mod jpeg;
mod jpeg_tables;
pub mod likeness;
mod png;
mod sniff;
#[cfg(test)]
mod tests;

pub use facts::{Dimensions, ImageFacts, ImageFault, ImageFaultCode, ImageLimits};
pub use inspect::inspect;
