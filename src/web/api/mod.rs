//! The versions of the API.

pub(super) mod v1;
