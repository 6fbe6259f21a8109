//! (being written)
pub mod topology;
