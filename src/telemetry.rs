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

/// Starts counting; the handle renders the numbers in Prometheus' text form.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    PrometheusBuilder::new().install_recorder().map_err(|_| TelemetryError::Twice)
}
