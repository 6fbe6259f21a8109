//! Messages and where they go.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{Lane, MessageId, Ori, RequestId, UnitId};

/// A step that leadbroker does by itself, driven by a queue of its own.
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
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Step {
    /// Check a received form.
    Check,
    /// Find a reviewer.
    Dispatch,
    /// Seal a released answer.
    Respond,
    /// Hand a sealed answer to the mail server.
    Deliver,
}

impl Step {
    /// Its name, as in queue names and columns.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case", deny_unknown_fields)]
pub enum Route {
    /// To the queue of a step.
    Step {
        /// Which.
        step: Step,
    },
    /// To the tools of a unit's reviewers.
    Reviewers {
        /// Unit.
        unit: UnitId,
        /// Lane.
        lane: Lane,
    },
    /// To the requesting agency.
    Agency {
        /// Its ORI.
        ori: Ori,
        /// Event name (`accepted`).
        event: String,
    },
}

/// What a message says. The tag holds the version from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Body {
    /// Check this request.
    #[serde(rename = "search_request.check.v1")]
    CheckSearchRequest {
        /// Which.
        request: RequestId,
    },
    /// Find a reviewer for this request.
    #[serde(rename = "search_request.dispatch.v1")]
    DispatchSearchRequest {
        /// Which.
        request: RequestId,
    },
    /// Seal the released answer of this request.
    #[serde(rename = "search_request.respond.v1")]
    RespondSearchRequest {
        /// Which.
        request: RequestId,
    },
    /// Hand this mail to the recipient's server.
    #[serde(rename = "answer.deliver.v1")]
    DeliverAnswer {
        /// Of this request.
        request: RequestId,
        /// The mailing.
        mailing: Uuid,
    },
    /// A job waits in a reviewer queue.
    #[serde(rename = "review.job_waiting.v1")]
    JobWaiting {
        /// Which.
        request: RequestId,
        /// Unit.
        unit: UnitId,
        /// Lane.
        lane: Lane,
    },
    /// Something happened to a request of the agency.
    #[serde(rename = "search_request.event.v1")]
    AgencyEvent(super::AgencyEvent),
}

impl Body {
    /// The wire type, with its version.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CheckSearchRequest { .. } => "search_request.check.v1",
            Self::DispatchSearchRequest { .. } => "search_request.dispatch.v1",
            Self::RespondSearchRequest { .. } => "search_request.respond.v1",
            Self::DeliverAnswer { .. } => "answer.deliver.v1",
            Self::JobWaiting { .. } => "review.job_waiting.v1",
            Self::AgencyEvent(_) => "search_request.event.v1",
        }
    }

    /// The request it is about.
    pub fn request(&self) -> RequestId {
        match self {
            Self::CheckSearchRequest { request }
            | Self::DispatchSearchRequest { request }
            | Self::RespondSearchRequest { request }
            | Self::DeliverAnswer { request, .. }
            | Self::JobWaiting { request, .. } => *request,
            Self::AgencyEvent(event) => event.data.request,
        }
    }
}

/// A message, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id; a receiver that has seen it does nothing.
    pub id: MessageId,
    /// Where it goes.
    pub route: Route,
    /// What it says.
    pub body: Body,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Not before.
    pub not_before: DateTime<Utc>,
}

impl Message {
    /// A message that is due at once.
    pub fn new(id: MessageId, at: DateTime<Utc>, route: Route, body: Body) -> Self {
        Self { id, route, body, at, not_before: at }
    }

    /// A command for `step`.
    pub fn command(id: MessageId, at: DateTime<Utc>, step: Step, request: RequestId) -> Self {
        let body = match step {
            Step::Check => Body::CheckSearchRequest { request },
            Step::Dispatch => Body::DispatchSearchRequest { request },
            Step::Respond => Body::RespondSearchRequest { request },
            Step::Deliver => Body::DeliverAnswer { request, mailing: id.uuid() },
        };
        Self::new(id, at, Route::Step { step }, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One stored sample of every version ever sent; all must decode for ever.
    #[test]
    fn every_version_ever_sent_still_decodes() {
        let samples = include_str!("../../tests/data/messages.v1.jsonl");
        let mut kinds = std::collections::BTreeSet::new();
        for line in samples.lines() {
            let body: Body = serde_json::from_str(line).unwrap();
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_value(&body).unwrap(), value);
            assert_eq!(value["type"], body.kind());
            kinds.insert(value["type"].as_str().unwrap().to_owned());
        }
        assert_eq!(kinds.len(), 6);
    }
}
