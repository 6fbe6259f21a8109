//! The duty roster: rotations, shifts, temporary schedules, overrides and holidays, and the one function that says who is
//! on duty. Pure: no I/O, no clock.
//!
//! Entries are only ever added. A draft counts once a publication names it, and from that moment on; a correction, which
//! has a reason, counts for the past too. So there are two times: when duty was, and when it was known. [`resolve()`]
//! answers from everything known, [`resolve_as_known`] from what was known at an earlier moment.

pub mod calendar;
mod check;
mod entry;
mod gaps;
mod intervals;
mod local;
mod resolve;
mod timeline;

pub use check::{check, conflict};
pub use entry::{
    Entry, HandOff, Holiday, HolidayDuty, Level, Override, OverrideAct, Period, Publication,
    Retraction, Rotation, Rule, Shift, Stint, Temporary,
};
pub use gaps::{Gap, GapKind, Skills, Wants, gaps};
pub use local::instant;
pub use resolve::{OnDuty, Placed, Span, Taken, Why, resolve, resolve_as_known, spans};
pub use timeline::{Roster, drafts};
