//! What travels: commands between stages, announcements to reviewers, events to agencies.
//!
//! A message carries ids, a version and a type, never people or pictures. Its row in the database is the truth;
//! a broker only conveys it.

mod event;
mod message;

pub use event::{AgencyEvent, EventData, cloud_event};
pub use message::{Body, Message, Route, Step};
