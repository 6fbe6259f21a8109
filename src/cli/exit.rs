//! Exit codes. Scripts depend on them.

/// Done.
pub(super) const OK: u8 = 0;
/// Failed; the message says why and what to do.
pub(super) const FAILURE: u8 = 1;
/// Refused, with findings or errors of shape.
pub(super) const REFUSED: u8 = 2;
/// The command line is wrong (`EX_USAGE`).
pub(super) const USAGE: u8 = 64;
/// The data is wrong (`EX_DATAERR`).
pub(super) const DATA: u8 = 65;
/// The server is away (`EX_UNAVAILABLE`).
pub(super) const AWAY: u8 = 69;
/// No right, or not enough of it (`EX_NOPERM`).
pub(super) const NO_RIGHT: u8 = 77;
/// The configuration is wrong (`EX_CONFIG`).
pub(super) const CONFIG: u8 = 78;
