//! `GET /api/v1/dead-letters`, `…/{message}`, `POST …/replay`, `…/drop`: what gave up, put back or given up for good.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::json;

use super::id;
use crate::audit::{Actor, AuditEvent};
use crate::domain::plain_text::{REASON_LETTERS, letters};
use crate::domain::{Account, MessageId, Personal, RequestId, Role, ShapeError};
use crate::messages::Body;
use crate::pipeline::{Context, PipelineError};
use crate::store::{DeadLetter, MailingStatus, MailingUpdate, StoreError};
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most that are listed; handle the oldest first.
const LISTED: i64 = 1_000;

/// Most bytes of a reason.
const MOST: usize = 16 * 1024;

const ROLES: &[Role] = &[Role::LocalAdministrator];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    reason: Personal<String>,
}

/// Dead letters of the person's unit, oldest first. They hold ids only.
pub(in crate::web) async fn list(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person_as(&web, &headers, ROLES).await?;
    let items = of_unit(web.ctx(), &person).await?;
    Ok(Json(json!({ "items": items })).into_response())
}

/// One dead letter.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person_as(&web, &headers, ROLES).await?;
    Ok(Json(find(web.ctx(), &person, id(&path)?).await?).into_response())
}

async fn of_unit(ctx: &Context, person: &Account) -> Result<Vec<DeadLetter>, PipelineError> {
    let mut own: HashMap<RequestId, bool> = HashMap::new();
    let mut letters = Vec::new();
    for letter in ctx.store.dead_letters(LISTED).await? {
        let mine = if let Some(known) = own.get(&letter.request) {
            *known
        } else {
            let row = ctx.store.request(letter.request).await?;
            let mine = row.is_some_and(|row| row.unit == person.unit);
            own.insert(letter.request, mine);
            mine
        };
        if mine {
            letters.push(letter);
        }
    }
    Ok(letters)
}

async fn find(ctx: &Context, person: &Account, message: MessageId) -> Result<DeadLetter, Problem> {
    let letters = of_unit(ctx, person).await?;
    letters.into_iter().find(|letter| letter.message == message).ok_or_else(Problem::not_found)
}

fn event(ctx: &Context, person: &Account, action: &str, letter: &DeadLetter) -> AuditEvent {
    AuditEvent::new(ctx.now(), Actor::Person { account: person.id }, action)
        .request(letter.request)
        .unit(&person.unit)
        .detail("message", &letter.message.to_string())
        .detail("queue", &letter.queue)
}

/// Puts it back into its queue, with all its attempts before it.
pub(in crate::web) async fn replay(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person_as(&web, &headers, ROLES).await?;
    let letter = find(web.ctx(), &person, id(&path)?).await?;
    let message = letter.message;
    let ctx = web.ctx().clone();
    let replayed = web
        .to_the_end(async move {
            let event = event(&ctx, &person, "dead_letter.replayed", &letter);
            ctx.store.replay(letter.message, ctx.now(), event).await
        })
        .await?;
    done(replayed, message, "replayed")
}

/// What becomes of the mail that a command is about: a copy of a delivered answer is given up with its command. The mail of
/// the answer itself is taken up again when its request's deadline passes.
async fn copy_of(ctx: &Context, letter: &DeadLetter) -> Result<Option<MailingUpdate>, StoreError> {
    let Body::DeliverAnswer { request, mailing } = letter.body else {
        return Ok(None);
    };
    let is_answered = ctx.store.request(request).await?.is_some_and(|row| row.stage.is_answered());
    Ok(is_answered.then(|| MailingUpdate {
        id: mailing,
        status: MailingStatus::Refused,
        phase: None,
        code: Some("dropped".to_owned()),
        begins: false,
        at: ctx.now(),
    }))
}

/// Gives it up for good.
pub(in crate::web) async fn drop(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person_as(&web, request.headers(), ROLES).await?;
    let letter = find(web.ctx(), &person, id(&path)?).await?;
    let given: Drop = body::small(request, MOST).await?;
    let letters = letters(given.reason.expose());
    if letters < REASON_LETTERS {
        let text = "give the reason in a sentence; the audit log keeps that there was one and how long it was";
        let error = ShapeError::new("reason", "/reason", text);
        return Err(Problem::one_error(StatusCode::UNPROCESSABLE_ENTITY, &error));
    }
    let message = letter.message;
    let ctx = web.ctx().clone();
    let dropped = web
        .to_the_end(async move {
            let event = event(&ctx, &person, "dead_letter.dropped", &letter)
                .detail("reason_letters", &letters.to_string());
            let copy = copy_of(&ctx, &letter).await?;
            ctx.store.drop_dead(letter.message, event, copy).await
        })
        .await?;
    done(dropped, message, "dropped")
}

fn done(did: bool, message: MessageId, state: &str) -> Answer {
    if did {
        return Ok(Json(json!({ "message": message, "state": state })).into_response());
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "moved_on",
        "somebody else handled this dead letter at the same moment; read the list again",
    ))
}
