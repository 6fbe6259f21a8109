//! Live, ready, and metrics. No token: they say nothing about any case.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::state::Web;

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// What waits longer than this shows that the workers do not keep up.
const SLOW_SECONDS: i64 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    Ok,
    Away,
    Slow,
    NotUsed,
    /// What was to take its place cannot be used; the one before is.
    KeptOld,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Checks {
    database: Check,
    image_store: Check,
    broker: Check,
    deliveries: Check,
    policies: Check,
    /// Age of what has waited longest past its time, in seconds.
    oldest_waiting_seconds: Option<i64>,
    /// The version of the policy set that was put in force and cannot be used; the log says why.
    policy_set_refused: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    checks: Checks,
}

impl Readiness {
    /// Pure: only a database that is away makes the service useless; all else it survives.
    fn of(checks: Checks) -> (StatusCode, Self) {
        let fine = |check| matches!(check, Check::Ok | Check::NotUsed);
        let Checks { database, image_store, broker, deliveries, policies, .. } = checks;
        let all = [database, image_store, broker, deliveries, policies];
        if checks.database == Check::Away {
            return (StatusCode::SERVICE_UNAVAILABLE, Self { status: "unavailable", checks });
        }
        let status = if all.into_iter().all(fine) { "ok" } else { "degraded" };
        (StatusCode::OK, Self { status, checks })
    }
}

/// The process runs. Touches nothing.
pub(super) async fn live() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// What works and what does not.
pub(super) async fn ready(State(web): State<Arc<Web>>) -> Response {
    let ctx = web.ctx();
    let (database, image_store, oldest) = tokio::join!(
        answers(ctx.store.ping(), PATIENCE),
        answers(ctx.vault.ping(), PATIENCE),
        tokio::time::timeout(PATIENCE, ctx.store.oldest_waiting()),
    );
    let broker =
        web.app.broker_health.as_ref().map_or(Check::NotUsed, |health| {
            if *health.borrow() { Check::Ok } else { Check::Away }
        });
    let (deliveries, oldest_waiting_seconds) = match oldest {
        Ok(Ok(at)) => {
            let age = at.map(|at| (ctx.now() - at).num_seconds().max(0));
            let slow = age.is_some_and(|age| age > SLOW_SECONDS);
            (if slow { Check::Slow } else { Check::Ok }, age)
        }
        Ok(Err(_)) | Err(_) => (Check::Away, None),
    };
    // Where no sweeper runs beside the API, who asks how it is makes it forget.
    ctx.previews.expire(ctx.now());
    // As it was last read: a look from outside must not wait for the database twice.
    let refused = ctx.policies.refused();
    let checks = Checks {
        database,
        image_store,
        broker,
        deliveries,
        policies: if refused.is_some() { Check::KeptOld } else { Check::Ok },
        oldest_waiting_seconds,
        policy_set_refused: refused.and_then(|refused| refused.version),
    };
    let (status, body) = Readiness::of(checks);
    (status, Json(body)).into_response()
}

async fn answers<E>(ping: impl Future<Output = Result<(), E>>, patience: Duration) -> Check {
    match tokio::time::timeout(patience, ping).await {
        Ok(Ok(())) => Check::Ok,
        Ok(Err(_)) | Err(_) => Check::Away,
    }
}

/// Counts and times, in Prometheus' text format.
pub(super) async fn metrics(State(web): State<Arc<Web>>) -> Response {
    // Without a database, counters and times are still true; readiness says what is wrong.
    let measured = tokio::time::timeout(PATIENCE, super::measure::all(&web)).await;
    if !matches!(measured, Ok(Ok(()))) {
        tracing::warn!("count what the database holds");
    }
    let text = (web.app.metrics)();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_database_makes_the_service_unavailable() {
        let fine = Checks {
            database: Check::Ok,
            image_store: Check::Ok,
            broker: Check::NotUsed,
            deliveries: Check::Ok,
            policies: Check::Ok,
            oldest_waiting_seconds: None,
            policy_set_refused: None,
        };
        let of = |checks| {
            let (status, body) = Readiness::of(checks);
            (status.as_u16(), body.status)
        };
        assert_eq!(of(fine), (200, "ok"));
        assert_eq!(of(Checks { broker: Check::Away, ..fine }), (200, "degraded"));
        assert_eq!(of(Checks { image_store: Check::Away, ..fine }), (200, "degraded"));
        assert_eq!(of(Checks { deliveries: Check::Slow, ..fine }), (200, "degraded"));
        assert_eq!(of(Checks { policies: Check::KeptOld, ..fine }), (200, "degraded"));
        assert_eq!(of(Checks { database: Check::Away, ..fine }), (503, "unavailable"));
    }

    #[tokio::test]
    async fn a_check_that_hangs_is_away() {
        let short = Duration::from_millis(20);
        let hangs = std::future::pending::<Result<(), ()>>();
        assert_eq!(answers(hangs, short).await, Check::Away);
        assert_eq!(answers(async { Err::<(), ()>(()) }, PATIENCE).await, Check::Away);
        assert_eq!(answers(async { Ok::<(), ()>(()) }, PATIENCE).await, Check::Ok);
    }
}
