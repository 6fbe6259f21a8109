//! Logs and metrics. Neither ever holds personal data: fields are ids, codes and counts.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("read `log.level`: expected `error`, `warn`, `info`, `debug`, or a filter of tracing")]
    Filter,
    /// They were set up before.
    #[error("set up logs and metrics a second time")]
    Twice,
}

/// Starts logging to the standard error stream.
pub fn start_logs(log: &Log) -> Result<(), TelemetryError> {
    // lapin logs a returned message whole; a body has no place in a log, and the relay says what matters.
    let silent = "lapin::returned_messages=off".parse().map_err(|_| TelemetryError::Filter)?;
    let filter =
        EnvFilter::try_new(&log.level).map_err(|_| TelemetryError::Filter)?.add_directive(silent);
    let registry = tracing_subscriber::registry().with(filter);
    let writer = std::io::stderr;
    let started = match log.format {
        LogFormat::Json => registry
            .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer))
            .try_init(),
        LogFormat::Text => {
            registry.with(tracing_subscriber::fmt::layer().with_writer(writer)).try_init()
        }
    };
    started.map_err(|_| TelemetryError::Twice)
}

/// Names of the metrics. `docs/OPERATIONS.md` says what to do about each.
pub mod name {
    /// Seconds of a step, by `step`.
    pub const STEP_SECONDS: &str = "leadbroker_step_seconds";
    /// Seconds of an HTTP request, by `method`, `route`, `status`.
    pub const HTTP_SECONDS: &str = "leadbroker_http_seconds";
    /// Submitted forms, by `verdict`.
    pub const SUBMISSIONS: &str = "leadbroker_submissions_total";
    /// Requests, by `unit` and `state`.
    pub const REQUESTS: &str = "leadbroker_requests";
    /// Deliveries that wait, by `step`.
    pub const DELIVERIES_WAITING: &str = "leadbroker_deliveries_waiting";
    /// Seconds that the oldest of them is past its time, by `step`.
    pub const DELIVERIES_OLDEST: &str = "leadbroker_deliveries_oldest_seconds";
    /// Dead letters, by `step`.
    pub const DEAD_LETTERS: &str = "leadbroker_dead_letters";
    /// Messages that the broker has not confirmed.
    pub const OUTBOX: &str = "leadbroker_outbox_messages";
    /// Held requests, by `unit`.
    pub const HOLDS_OPEN: &str = "leadbroker_holds_open";
    /// Held requests that were received longer ago than a decision may take.
    pub const HOLDS_OVERDUE: &str = "leadbroker_holds_overdue";
    /// Mails, by `status`.
    pub const MAILINGS: &str = "leadbroker_mailings";
    /// Whether the broker is connected.
    pub const BROKER_CONNECTED: &str = "leadbroker_broker_connected";
    /// Messages that the broker itself gave up, by `queue`.
    pub const BROKER_DEAD: &str = "leadbroker_broker_dead_messages";
    /// The version of the activated policy set; 0 without one.
    pub const POLICY_SET: &str = "leadbroker_policy_set_version";
    /// Whether a policy set was to be used and cannot be.
    pub const POLICY_SET_REFUSED: &str = "leadbroker_policy_set_refused";
    /// Entries of the audit log.
    pub const AUDIT_ENTRIES: &str = "leadbroker_audit_entries";
    /// Tries to page somebody, by `kind` and `result`.
    pub const PAGES_SENT: &str = "leadbroker_pages_total";
    /// Seconds from a page's cause until its first step was sent.
    pub const PAGE_SECONDS: &str = "leadbroker_page_seconds";
    /// Seconds from a page's cause until it was first acknowledged.
    pub const PAGE_ACK_SECONDS: &str = "leadbroker_page_acknowledge_seconds";
    /// Pages that have not ended, by `state`.
    pub const PAGES_OPEN: &str = "leadbroker_pages_open";
    /// Steps at which nobody could be reached.
    pub const PAGES_NOBODY: &str = "leadbroker_pages_nobody_total";
    /// The program, by `version`.
    pub const BUILD_INFO: &str = "leadbroker_build_info";
}

/// Every metric and its meaning.
pub const METRICS: &[(&str, &str)] = &[
    (name::STEP_SECONDS, "Seconds of a step."),
    (name::HTTP_SECONDS, "Seconds of an HTTP request."),
    (name::SUBMISSIONS, "Submitted forms by verdict."),
    (name::REQUESTS, "Requests by unit and state."),
    (name::DELIVERIES_WAITING, "Deliveries that wait for a step."),
    (name::DELIVERIES_OLDEST, "Seconds that the oldest waiting delivery is past its time."),
    (name::DEAD_LETTERS, "Messages that gave up after all their attempts."),
    (name::OUTBOX, "Messages that the broker has not confirmed."),
    (name::HOLDS_OPEN, "Requests that wait for a person's decision."),
    (
        name::HOLDS_OVERDUE,
        "Held requests whose due time is over, and those that went to the next role because of it.",
    ),
    (name::MAILINGS, "Mails by status."),
    (name::BROKER_CONNECTED, "1 while the broker is connected; absent without a broker."),
    (name::BROKER_DEAD, "Messages that the broker itself gave up; absent without a broker."),
    (name::POLICY_SET, "Version of the activated policy set; 0 without one."),
    (
        name::POLICY_SET_REFUSED,
        "1 while a policy set that was to be used cannot be; the one before decides.",
    ),
    (name::AUDIT_ENTRIES, "Entries of the audit log."),
    (name::PAGES_SENT, "Tries to page somebody by kind and result."),
    (name::PAGE_SECONDS, "Seconds from a page's cause until its first step was sent."),
    (name::PAGE_ACK_SECONDS, "Seconds from a page's cause until it was first acknowledged."),
    (name::PAGES_OPEN, "Pages that have not ended, by state."),
    (name::PAGES_NOBODY, "Steps of an escalation at which nobody could be reached."),
    (name::BUILD_INFO, "Always 1; the label is the program's version."),
];

/// Upper bounds of the histograms, in seconds.
const SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// Starts counting; the handle renders the numbers in Prometheus' text form.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = PrometheusBuilder::new()
        .set_buckets(SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|_| TelemetryError::Twice)?;
    for (name, meaning) in METRICS {
        if name.ends_with("_seconds") && *name != name::DELIVERIES_OLDEST {
            metrics::describe_histogram!(*name, *meaning);
        } else if name.ends_with("_total") {
            metrics::describe_counter!(*name, *meaning);
        } else {
            metrics::describe_gauge!(*name, *meaning);
        }
    }
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The metrics that the code knows are those of the handbook's table, with an alert each.
    #[test]
    fn the_metrics_are_those_of_the_handbook() {
        let text = include_str!("../docs/OPERATIONS.md");
        let section = text.split("\n## Metrics").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `leadbroker_"));
        let mut told = BTreeSet::new();
        for row in rows {
            let cells: Vec<&str> = row.split(" | ").collect();
            assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
            assert!(told.insert(format!("leadbroker_{}", cells[0].trim_end_matches('`'))));
        }
        let known: BTreeSet<String> = METRICS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(told, known);
    }
}
