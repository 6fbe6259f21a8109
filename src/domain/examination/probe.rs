//! What is recorded of the probes: suitability, and the way from a probe to the image that was searched.

use serde::{Deserialize, Serialize};

use super::Quality;
use crate::domain::Personal;

/// Whether one probe can be searched, and why (LACRIS-INV-2a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suitability {
    /// Place of the probe in the form, from 0.
    pub probe: usize,
    /// Can it be searched.
    pub suitable: bool,
    /// Why: pose, resolution, occlusion, light, compression.
    pub note: Personal<String>,
    /// What was seen of its quality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// It shows the face from the front, where a policy asks (APD-3G2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontal: Option<bool>,
}

/// One step from a probe, or from an earlier step, to the image that was searched (LACRIS-INV-2b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeDerivative {
    /// What was done (`crop`, `rotate`, `brightness`).
    pub operation: String,
    /// With which tool.
    pub tool: String,
    /// By whom.
    pub operator: Personal<String>,
    /// SHA-256 of the image before, hexadecimal.
    pub parent_sha256: String,
    /// SHA-256 of the image after, hexadecimal.
    pub sha256: String,
}
