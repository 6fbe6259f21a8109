//! A fresh second factor for a step that cannot be unsaid: the session's own, hours old, is not enough.

use axum::http::StatusCode;

use super::login::{code_step, spend};
use super::problem::Problem;
use super::rate;
use super::state::Web;
use crate::domain::{Account, Personal, RequestId};
use crate::pipeline::examine::by_person;
use crate::pipeline::{Context, PipelineError, examine};
use crate::store::Change;

const CODES: &str =
    "too many wrong codes; send a fresh one-time code after the seconds in `Retry-After`";

/// Spends a one-time code on a step about a request. An account without a secret has no second factor to show.
pub(super) async fn step_up(
    web: &Web,
    person: &Account,
    request: RequestId,
    code: Option<&Personal<String>>,
) -> Result<(), Problem> {
    let ctx = web.ctx();
    let registry = ctx.registry().await?;
    let entry = registry.accounts.iter().find(|entry| entry.account.id == person.id);
    let Some(secret) = entry.and_then(|entry| entry.totp_secret.as_deref()) else {
        return Ok(());
    };
    let now = ctx.now();
    // Failures of its own: whoever knows a login can lock the log-in, and must not be able to stop a release.
    let counted = format!("step-up {}", person.id);
    if let Some(wait) = web.logins.locked(&counted, now) {
        return Err(rate::wait("login_locked", CODES, wait));
    }
    let step = code.and_then(|code| code_step(secret, code.expose(), now));
    if spend(&ctx.store, person.id, step).await? {
        web.logins.succeeded(&counted);
        return Ok(());
    }
    if code.is_some() {
        let _ = web.logins.failed(&counted, now);
        refused(ctx, person, request).await?;
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "second_factor",
        "send a fresh one-time code as `code`; each works once, the one of your log-in does not work again",
    ))
}

async fn refused(ctx: &Context, person: &Account, request: RequestId) -> Result<(), PipelineError> {
    let row = examine::row_for(ctx, person, request).await?;
    let event = by_person(person, "second_factor.refused", ctx.now(), &row).clause("CORE-RELEASE");
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    Ok(())
}
