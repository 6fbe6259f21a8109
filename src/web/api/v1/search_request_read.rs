//! `GET /api/v1/search-requests`, `…/{id}`, `…/{id}/events`: an agency follows its own requests.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse as _;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::{bad_query, id, query, shown};
use crate::domain::{Agency, Finding, Outcome, Personal, RequestId, UnitId, Waiting};
use crate::lifecycle::{ServiceClock, StageCode};
use crate::messages::{AgencyEvent, Body, Route, cloud_event};
use crate::pipeline::{Context, PipelineError, Refusal, dispatch, read, sealed, service};
use crate::store::{RequestRow, StoredEvent};
use crate::web::auth;
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;

/// A request as its agency sees it. The answer itself goes by mail only.
#[derive(Debug, Serialize)]
struct Item {
    request: RequestId,
    unit: UnitId,
    state: StageCode,
    /// The agency's own; none once destroyed.
    case_number: Option<Personal<String>>,
    received_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    outcome: Option<Outcome>,
}

#[derive(Debug, Serialize)]
struct Whole {
    #[serde(flatten)]
    item: Item,
    findings: Vec<Finding>,
    deadline_at: Option<DateTime<Utc>>,
    supersedes: Option<RequestId>,
    /// Why nobody is asked to examine it, while it is queued for that.
    waiting: Option<Waiting>,
    /// When the answer is due, where the unit has a target for the lane.
    service: Option<ServiceClock>,
    timeline: Vec<Moment>,
}

/// When the request came to a state.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Moment {
    at: DateTime<Utc>,
    state: StageCode,
}

fn item(ctx: &Context, row: &RequestRow) -> Result<Item, Problem> {
    let case_number = match sealed::form_of(ctx, row) {
        Ok(form) => Some(form.case_number),
        Err(PipelineError::Refused(Refusal::Gone)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Item {
        request: row.id,
        unit: row.unit.clone(),
        state: shown(row.stage.code()),
        case_number,
        received_at: row.received_at,
        updated_at: row.updated_at,
        outcome: row.told_outcome(),
    })
}

/// The agency's requests, newest first.
pub(in crate::web) async fn list(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let agency = auth::agency(&web, &headers).await?;
    let [limit, cursor] = query(&uri, ["limit", "cursor"])?;
    let limit = limit.map_or(Ok(50), str::parse).ok().filter(|limit| (1..=200).contains(limit));
    let limit: i64 = limit.ok_or_else(|| bad_query("`limit` is a number from 1 to 200"))?;
    let before = cursor
        .map(str::parse::<RequestId>)
        .transpose()
        .map_err(|_| bad_query("`cursor` is the `next` of the page before"))?;
    let page = web.ctx().store.requests_of(&agency.ori, before, limit).await?;
    let items: Vec<Item> =
        page.rows.iter().map(|row| item(web.ctx(), row)).collect::<Result<_, _>>()?;
    Ok(Json(json!({ "items": items, "next": page.next })).into_response())
}

/// One request.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let agency = auth::agency(&web, &headers).await?;
    let row = own(&web, &agency, &path).await?;
    let stored = web.ctx().store.messages_of(row.id).await?;
    let registry = web.ctx().registry().await?;
    let whole = Whole {
        service: service::clock_of(web.ctx(), &registry, &row).await?,
        item: item(web.ctx(), &row)?,
        timeline: timeline(row.received_at, told(&stored, &agency)),
        findings: row.findings,
        deadline_at: row.deadline_at,
        supersedes: row.supersedes,
        waiting: row.waiting.map(|why| dispatch::waiting(&registry, &row.unit, why)),
    };
    Ok(Json(whole).into_response())
}

/// What the agency was told, as CloudEvents.
pub(in crate::web) async fn events(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let agency = auth::agency(&web, &headers).await?;
    let request = id(&path)?;
    let stored = web.ctx().store.messages_of(request).await?;
    let events: Vec<_> = told(&stored, &agency)
        .map(|(message, event)| cloud_event(message.id, message.at, event))
        .collect();
    // An agency to which an answer was passed on reads what it was told, and nothing else of the request.
    let row = web.ctx().store.request(request).await?;
    if events.is_empty() || row.is_none_or(|row| row.ori == agency.ori) {
        own(&web, &agency, &path).await?;
    }
    Ok(Json(events).into_response())
}

/// A request of the agency's own; another agency's does not exist for it.
async fn own(web: &Web, agency: &Agency, path: &str) -> Result<RequestRow, Problem> {
    Ok(read::follow(web.ctx(), agency, id(path)?).await?)
}

/// Pure: the events among a request's messages that are for this agency.
fn told<'m>(
    messages: &'m [StoredEvent],
    agency: &Agency,
) -> impl Iterator<Item = (&'m StoredEvent, &'m AgencyEvent)> {
    messages.iter().filter_map(move |message| match (&message.route, &message.body) {
        (Route::Agency { ori, .. }, Body::AgencyEvent(event))
            if *ori == agency.ori && event.ori == agency.ori =>
        {
            Some((message, event))
        }
        _ => None,
    })
}

/// Pure: each change of state with its moment. What an agency does not see makes no step.
fn timeline<'m>(
    received_at: DateTime<Utc>,
    told: impl Iterator<Item = (&'m StoredEvent, &'m AgencyEvent)>,
) -> Vec<Moment> {
    let mut moments = vec![Moment { at: received_at, state: StageCode::Received }];
    for (message, event) in told {
        let state = shown(event.data.state);
        if moments.last().is_none_or(|last| last.state != state) {
            moments.push(Moment { at: message.at, state });
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{AgencyStanding, MessageId, Ori};
    use crate::messages::{EventData, Step};

    fn agency(ori: &str) -> Agency {
        Agency {
            ori: ori.parse().unwrap(),
            name: "Sample Police".to_owned(),
            domains: Vec::new(),
            standing: AgencyStanding::Active,
            packs: Vec::new(),
            amqp_user: None,
            call_back: None,
            agreements: Vec::new(),
        }
    }

    fn message(number: u128, ori: &Ori, state: StageCode) -> StoredEvent {
        let data = EventData {
            request: RequestId::new(Uuid::from_u128(1)),
            state,
            findings: Vec::new(),
            outcome: None,
            waiting: None,
        };
        let event = state.as_str().to_owned();
        StoredEvent {
            id: MessageId::new(Uuid::from_u128(number)),
            at: DateTime::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(number).unwrap_or(0)),
            route: Route::Agency { ori: ori.clone(), event: event.clone() },
            body: Body::AgencyEvent(AgencyEvent { ori: ori.clone(), event, data }),
        }
    }

    #[test]
    fn an_agency_reads_its_own_events_and_none_of_the_unit() {
        let (mine, other) = (agency("CA0194200"), agency("CA0190000"));
        let request = RequestId::new(Uuid::from_u128(1));
        let messages = [
            message(1, &mine.ori, StageCode::Accepted),
            message(2, &other.ori, StageCode::Accepted),
            StoredEvent {
                route: Route::Step { step: Step::Dispatch },
                body: Body::DispatchSearchRequest { request },
                ..message(3, &mine.ori, StageCode::Accepted)
            },
            message(4, &mine.ori, StageCode::Queued),
            message(5, &mine.ori, StageCode::Offered),
            message(6, &mine.ori, StageCode::Leased),
        ];
        let ids: Vec<u128> = told(&messages, &mine).map(|(m, _)| m.id.uuid().as_u128()).collect();
        assert_eq!(ids, [1, 4, 5, 6]);
        let states: Vec<StageCode> = timeline(DateTime::UNIX_EPOCH, told(&messages, &mine))
            .iter()
            .map(|m| m.state)
            .collect();
        assert_eq!(
            states,
            [StageCode::Received, StageCode::Accepted, StageCode::Queued, StageCode::Leased]
        );
    }
}
