//! The points where policy decides.

use serde::{Deserialize, Serialize};

/// A point on a request's way where policy decides.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Gate {
    /// A form asks for a search.
    Submit,
    /// One image is to be searched with; asked for each image.
    UseProbe,
    /// A request goes to a reviewer queue.
    Dispatch,
    /// A reviewer claims a job.
    Lease,
    /// A reviewer concludes.
    Conclude,
    /// A second reviewer examines.
    SecondReview,
    /// An officer releases the answer.
    Release,
    /// The answer leaves.
    Deliver,
    /// Someone reads a record.
    Read,
    /// Someone passes a record on.
    Disclose,
    /// A record is destroyed.
    Destroy,
}

impl Gate {
    /// Its name, which is the Cedar action's.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
