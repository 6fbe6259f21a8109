//! How pages leave: signed webhooks. Pages by mail go through [`crate::mail`].

pub mod address;
