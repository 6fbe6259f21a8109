//! What a reviewer saw of a probe's quality.

use serde::{Deserialize, Serialize};

/// How the face is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Pose {
    /// From the front.
    Frontal,
    /// Half turned.
    ThreeQuarter,
    /// From the side.
    Profile,
    /// From above or below, or tilted.
    Tilted,
}

/// What hides parts of the face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Occlusion {
    /// Nothing.
    None,
    /// Some parts.
    Partial,
    /// Most parts.
    Heavy,
}

/// How the light falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Lighting {
    /// Evenly.
    Even,
    /// From a side, with shadows.
    Uneven,
    /// Too little or too much of it.
    Poor,
}

/// What compression left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// No traces.
    None,
    /// Traces that do not touch the features.
    Moderate,
    /// Traces that do.
    Heavy,
}

/// Facts of a probe's quality (LACRIS-INV-2a).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// How the face is turned.
    pub pose: Pose,
    /// Pixels between the centres of the eyes.
    pub eye_distance_px: u32,
    /// What hides parts of it.
    pub occlusion: Occlusion,
    /// How the light falls.
    pub lighting: Lighting,
    /// What compression left.
    pub compression: Compression,
}

impl Quality {
    /// The words on the report.
    pub fn printed(&self) -> String {
        let pose = match self.pose {
            Pose::Frontal => "frontal",
            Pose::ThreeQuarter => "three-quarter",
            Pose::Profile => "profile",
            Pose::Tilted => "tilted",
        };
        let occlusion = match self.occlusion {
            Occlusion::None => "no occlusion",
            Occlusion::Partial => "partly occluded",
            Occlusion::Heavy => "heavily occluded",
        };
        let lighting = match self.lighting {
            Lighting::Even => "even light",
            Lighting::Uneven => "uneven light",
            Lighting::Poor => "poor light",
        };
        let compression = match self.compression {
            Compression::None => "no visible compression",
            Compression::Moderate => "moderate compression",
            Compression::Heavy => "heavy compression",
        };
        let eyes = self.eye_distance_px;
        format!(
            "Pose {pose}, {eyes} pixels between the eyes, {occlusion}, {lighting}, {compression}."
        )
    }
}
