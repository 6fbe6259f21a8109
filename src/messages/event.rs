//! Events to agencies: CloudEvents 1.0, structured JSON, without personal data.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{Finding, MessageId, Ori, Outcome, RequestId, Waiting};
use crate::lifecycle::StageCode;

/// An event of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgencyEvent {
    /// The agency it is for.
    pub ori: Ori,
    /// Its name: the last part of the routing key (`accepted`, `delivered`).
    pub event: String,
    /// What it says.
    pub data: EventData,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventData {
    /// The request.
    pub request: RequestId,
    /// Where it stands now.
    pub state: StageCode,
    /// Findings of the policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The kind of answer, once released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why nobody is asked to examine it, while it is queued for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// The CloudEvents 1.0 document (structured mode) of an event.
pub fn cloud_event(id: MessageId, at: DateTime<Utc>, event: &AgencyEvent) -> serde_json::Value {
    serde_json::json!({
        "specversion": "1.0",
        "id": id.to_string(),
        "source": "/leadbroker",
        "type": format!("gov.leadbroker.search_request.{}.v1", event.event),
        "subject": event.data.request.to_string(),
        "time": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "datacontenttype": "application/json",
        "data": event.data,
    })
}
