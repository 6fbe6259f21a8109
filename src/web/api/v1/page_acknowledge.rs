//! `GET /api/v1/pages`, `…/{page}`, `POST …/acknowledgement`, and the signed replies of destinations.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{bad_query, id, query};
use crate::domain::{Account, PageId, Role};
use crate::paging::signed::{self, SIGNATURE, TIMESTAMP};
use crate::pipeline::page::{Acknowledging, acknowledge as acknowledged, may_see};
use crate::store::{AttemptRow, PageRow};
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most pages that are listed.
const LISTED: i64 = 1_000;

/// Most bytes of a reply.
const MOST: usize = 16 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    page: PageId,
    #[expect(dead_code, reason = "the one action there is; serde refuses others")]
    action: Action,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Acknowledge,
}

fn shown(page: &PageRow) -> Value {
    json!({
        "page": page.id,
        "request": page.request,
        "unit": page.unit,
        "lane": page.lane,
        "cause": page.cause,
        "state": page.state,
        "step": page.step,
        "opened_at": page.opened_at,
        "next_at": page.next_at,
        "acknowledged_by": page.acknowledged_by,
        "acknowledged_at": page.acknowledged_at,
    })
}

/// Pages of the person's unit.
pub(in crate::web) async fn list(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let [all] = query(&uri, ["all"])?;
    let all = match all {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(bad_query("`all` is `true` or `false`")),
    };
    let pages = web.ctx().store.pages(&person.unit, all, LISTED).await?;
    let items: Vec<Value> = pages.iter().map(shown).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// One page. A link leads here: it changes nothing, for scanners open links.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let store = &web.ctx().store;
    let page = store.page(id(&path)?).await?.ok_or_else(Problem::not_found)?;
    may_see(&person, &page.unit)?;
    let attempts = store.attempts(page.id).await?;
    let seen: Vec<&AttemptRow> = attempts.iter().filter(|attempt| sees(&person, attempt)).collect();
    let mut whole = shown(&page);
    if let Some(members) = whole.as_object_mut() {
        members.insert("attempts".to_owned(), json!(seen));
    }
    Ok(Json(whole).into_response())
}

/// Who else was asked is for those who keep the duty, not for colleagues.
fn sees(person: &Account, attempt: &AttemptRow) -> bool {
    matches!(person.role, Role::LocalAdministrator | Role::Auditor)
        || attempt.target == person.id.to_string()
}

/// A person has seen it.
pub(in crate::web) async fn acknowledge(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let page: PageId = id(&path)?;
    let ctx = web.ctx().clone();
    let page = web
        .to_the_end(async move {
            match acknowledged(&ctx, Acknowledging::Person(&person), page).await {
                Ok(page) => Ok(page),
                Err(error) => Err(auth::refused(&ctx, &person, None, error).await),
            }
        })
        .await?;
    Ok(Json(shown(&page)).into_response())
}

fn unsigned(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "signature", detail)
}

/// The value of a header that stands once; else nothing.
fn once(headers: &HeaderMap, name: &str) -> String {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    let value = first.filter(|_| second.is_none()).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// A destination's reply. Who it is, its signature says; an unknown name and a wrong signature read the same.
pub(in crate::web) async fn callback(
    State(web): State<Arc<Web>>,
    Path(name): Path<String>,
    request: Request,
) -> Answer {
    let timestamp = once(request.headers(), TIMESTAMP);
    let signature = once(request.headers(), SIGNATURE);
    let bytes = body::signed(request, MOST).await?;
    let ctx = web.ctx().clone();
    let wrong = signed::BadSignature::Signature;
    let Some(destination) = ctx.paging.destination(&name) else {
        return Err(unsigned(&wrong.to_string()));
    };
    signed::verify(&destination.secret, (&timestamp, &signature), &bytes, ctx.now())
        .map_err(|error| unsigned(&error.to_string()))?;
    let reply: Reply = body::parsed(&bytes)?;
    let callback = format!("{name}/{signature}");
    if ctx.store.has_callback(&callback).await? {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "replayed",
            "this reply was taken before; sign a new one with its own time",
        ));
    }
    let page = web
        .to_the_end(async move {
            let by = Acknowledging::Destination { name: &name, callback: &callback };
            acknowledged(&ctx, by, reply.page).await
        })
        .await?;
    Ok(Json(shown(&page)).into_response())
}
