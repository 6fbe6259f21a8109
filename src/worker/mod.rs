//! The loops that drive the stages: they decide nothing.
//!
//! [`consume`] claims what is due (with a broker: what is [`announced`]) and hands it to a stage, [`relay`] hands messages to the broker, [`intake`] takes
//! forms from it, [`sweep`] enforces deadlines and finds what was lost, [`pager`] pages people, [`orphans`] deletes images that no request names, [`dead_queues`] counts what the broker gave up, [`likeness`] compares pictures, [`checkpoint`] signs the audit log's head.

pub mod announced;
pub mod checkpoint;
pub mod consume;
pub mod dead_queues;
pub mod intake;
pub mod likeness;
pub mod orphans;
pub mod pager;
pub mod relay;
pub mod sweep;
