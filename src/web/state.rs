//! What the handlers share.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::login::LoginGuard;
use super::problem::Problem;
use crate::pipeline::Context;

/// Limits of the HTTP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Most bytes of a form with its files.
    pub form_bytes: usize,
    /// Most forms a second and agency.
    pub forms_per_second: u32,
    /// Most connections at a time; further ones wait to be accepted.
    pub max_connections: usize,
}

/// What the API needs.
#[derive(Clone)]
pub struct AppState {
    /// What the stages use.
    pub ctx: Context,
    /// Steps under way; the end of the program waits for them.
    pub tracker: TaskTracker,
    /// Writes the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Limits.
    pub limits: HttpLimits,
    /// Whether the broker answers; none without a broker.
    pub broker_health: Option<watch::Receiver<bool>>,
    /// Name of the audit log, as its checkpoints have it.
    pub audit_origin: String,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState")
            .field("limits", &self.limits)
            .field("audit_origin", &self.audit_origin)
            .finish_non_exhaustive()
    }
}

/// [`AppState`] with what the API keeps in memory.
#[derive(Debug)]
pub(super) struct Web {
    pub(super) app: AppState,
    pub(super) logins: LoginGuard,
}

impl Web {
    pub(super) fn new(app: AppState) -> Self {
        Self { app, logins: LoginGuard::default() }
    }

    pub(super) fn ctx(&self) -> &Context {
        &self.app.ctx
    }

    /// Runs a step to its end, whether or not the client is still there. Every change of state goes through here.
    pub(super) async fn to_the_end<T, E>(
        &self,
        step: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        match self.app.tracker.spawn(step.in_current_span()).await {
            Ok(result) => result.map_err(Into::into),
            Err(_) => Err(Problem::internal()),
        }
    }
}
