//! `POST /api/v1/sessions`: a person logs in with a password and a one-time code.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::audit::{Actor, AuditEvent};
use crate::domain::{AccountId, Personal};
use crate::pipeline::{Context, PipelineError};
use crate::store::Change;
use crate::web::login::{Proof, prove, spend};
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;
use crate::web::{auth, body, rate};

/// Most bytes of a login.
const MOST: usize = 4 * 1024;

/// The longest life of a session, in use or not (CJIS AC-12).
const LIFE: TimeDelta = TimeDelta::hours(12);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    login: Personal<String>,
    password: Personal<String>,
    code: Personal<String>,
}

#[derive(Serialize)]
struct Session {
    token: String,
    expires_at: chrono::DateTime<chrono::Utc>,
}

/// Logs in. A wrong login, password or code read and cost the same.
pub(in crate::web) async fn handle(State(web): State<Arc<Web>>, request: Request) -> Answer {
    let login: Credentials = body::small(request, MOST).await?;
    let shared = Arc::clone(&web);
    let session = web.to_the_end(async move { log_in(&shared, login).await }).await?;
    Ok((StatusCode::CREATED, Json(session)).into_response())
}

async fn log_in(web: &Web, login: Credentials) -> Result<Session, Problem> {
    let ctx = web.ctx();
    let _turn = web.logins.verifying.acquire().await.map_err(|_| Problem::internal())?;
    let now = ctx.now();
    if let Some(wait) = web.logins.locked(login.login.expose(), now) {
        return Err(rate::too_many("login_locked", wait));
    }
    let entry = ctx.registry().await?.entry_by_login(login.login.expose()).cloned();
    let account = entry.as_ref().map(|entry| entry.account.id);
    let name = login.login.clone();
    let proof = tokio::task::spawn_blocking(move || {
        prove(entry.as_ref(), login.password.expose(), login.code.expose(), now)
    })
    .await
    .map_err(|_| Problem::internal())?;
    let step = match proof {
        Proof::Right(step) => Some(step),
        Proof::Wrong => None,
    };
    match account {
        Some(account) if spend(&ctx.store, account, step).await? => {
            web.logins.succeeded(name.expose());
            Ok(begin(ctx, account).await?)
        }
        account => {
            let locked = web.logins.failed(name.expose(), now);
            failed(ctx, account, locked).await?;
            Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "login_failed",
                "login, password or code is wrong; a code works once, wait for the next one",
            ))
        }
    }
}

async fn begin(ctx: &Context, account: AccountId) -> Result<Session, PipelineError> {
    let mut secret = [0_u8; 32];
    ctx.ids.fill(&mut secret)?;
    let token = format!("{}{}", auth::SESSION_PREFIX, hex::encode(secret));
    let now = ctx.now();
    let event = AuditEvent::new(now, Actor::Person { account }, "session.begun");
    ctx.store.add_session(openssl::sha::sha256(token.as_bytes()), account, event).await?;
    Ok(Session { token, expires_at: now + LIFE })
}

/// Records a failure. Nobody proved to be anybody, so the account is a detail and not the actor.
async fn failed(
    ctx: &Context,
    account: Option<AccountId>,
    locks: bool,
) -> Result<(), PipelineError> {
    let account = account.map_or_else(|| "unknown".to_owned(), |account| account.to_string());
    let mut events =
        vec![ctx.event("sessions", "session.refused", ctx.now()).detail("account", &account)];
    if locks {
        events.push(ctx.event("sessions", "session.locked", ctx.now()).detail("account", &account));
    }
    let _ = ctx.store.apply(Change::audited(events)).await?;
    Ok(())
}
