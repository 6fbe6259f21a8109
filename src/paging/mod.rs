//! Paging: who is told that a job waits, and when the next one is told. Pure: no I/O, no clock.
//!
//! [`stand`] says which pages a request's stage opens and keeps, [`due()`] what a page does now, [`send_at`] when a
//! person's page may leave (throttle, bundling), [`reach`] who can be reached, [`message`] what a page says, and
//! [`signed`] how a webhook is signed and a reply is checked. The database drives it: `worker::pager` asks, sends and
//! records; the broker has no part in it.

pub mod breaker;
pub mod due;
pub mod message;
pub mod reach;
pub mod settings;
pub mod signed;
pub mod stand;

pub use due::{Due, PageAction, PageState, Standing, due, send_at};
pub use reach::{Reach, Target};
pub use settings::{Destination, PagingSettings};
