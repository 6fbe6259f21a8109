//! How pages leave: signed webhooks, each over a client of its own. Pages by mail go through [`crate::mail`].

pub mod address;
pub mod webhook;

pub use webhook::{CallResult, WebhookError, Webhooks};
