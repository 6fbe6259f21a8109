//! Pages, written with what causes them: a request's stage opens and ends its pages in its own transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::AnyConnection;

use super::StoreError;
use super::apply::micros;
use super::batch::{Value, execute_in, fetch_in, fetch_rows, insert_rows};
use super::change::{Change, Guard};
use super::notices::{NewPage, announced};
use super::rows::Column;
use crate::domain::{Lane, PageAttemptId, PageCause, PageId, RequestId, UnitId};
use crate::paging::signed::TOLERANCE;
use crate::paging::stand::{KEPT, Place, keeps, opens};
use crate::paging::{PageState, Target};

/// A page's progress.
#[derive(Debug, Clone)]
pub struct PageUpdate {
    /// Which.
    pub id: PageId,
    /// The fence that was read.
    pub seen: i64,
    /// New state.
    pub state: PageState,
    /// Steps taken.
    pub step: u32,
    /// When the next step is due.
    pub step_at: DateTime<Utc>,
    /// When to look again; none: it ends.
    pub next_at: Option<DateTime<Utc>>,
    /// Who acknowledges it now.
    pub acknowledged_by: Option<String>,
    /// The signed reply that does; it is taken once.
    pub callback: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What becomes of pages and attempts.
#[derive(Debug, Clone)]
pub enum PageChange {
    /// A page that no stage opens. One that stands already, or stood before, is left as it is.
    Opened(NewPage),
    /// A page that no stage ends has done its work.
    Over {
        /// Of which request.
        request: RequestId,
        /// Which.
        cause: PageCause,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody is to be paged.
    Begun(NewAttempt),
    /// An attempt was tried.
    Tried(AttemptUpdate),
}

/// An attempt to store, before it is sent.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// Its id.
    pub id: PageAttemptId,
    /// Of which page.
    pub page: PageId,
    /// Under which step.
    pub step: u32,
    /// To whom.
    pub target: Target,
    /// When it may be sent.
    pub available_at: DateTime<Utc>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Where an attempt stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AttemptStatus {
    /// Waits for its time.
    Waiting,
    /// Claimed by a pager.
    Sending,
    /// Taken by the mail server or the destination.
    Sent,
    /// Given up.
    Failed,
    /// Its page ended or was acknowledged before it was sent.
    Ended,
}

/// What a try came to.
#[derive(Debug, Clone)]
pub struct AttemptUpdate {
    /// Which.
    pub id: PageAttemptId,
    /// Of which page.
    pub page: PageId,
    /// Under which step.
    pub step: u32,
    /// Where it stands.
    pub status: AttemptStatus,
    /// When it is tried again.
    pub available_at: Option<DateTime<Utc>>,
    /// Code of the outcome.
    pub code: String,
    /// Given up, and the page's next step need not wait if nobody else was reached.
    pub hasten: bool,
    /// When.
    pub at: DateTime<Utc>,
}

/// The id of the page that a request's change of version opens: the same however often it is asked for.
pub fn page_id(request: RequestId, version: i64, cause: PageCause) -> PageId {
    let cause: &'static str = cause.into();
    let hash = openssl::sha::sha256(format!("page\n{request}\n{version}\n{cause}").as_bytes());
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(hash) {
        *to = from;
    }
    PageId::new(uuid::Builder::from_custom_bytes(id).into_uuid())
}

/// A request that comes into a stage.
struct Moved {
    request: RequestId,
    place: Place,
    version: i64,
    at: DateTime<Utc>,
}

/// Ends and opens pages as the requests of these changes move, and writes attempts. Gives whether there is something
/// new to send.
pub(super) async fn follow(
    connection: &mut AnyConnection,
    kept: &[&Change],
) -> Result<bool, StoreError> {
    let mut moved = Vec::new();
    let mut born = Vec::new();
    for change in kept {
        match &change.guard {
            Guard::Update(update) => moved.push(Moved {
                request: update.id,
                place: Place::from(&update.stage),
                version: update.seen,
                at: update.at,
            }),
            Guard::Insert(new) => {
                if let Some(cause) = opens(new.lane, Place::from(&new.stage)) {
                    born.push(row(
                        page_id(new.id, 0, cause),
                        (new.id, &new.unit, new.lane),
                        cause,
                        new.received_at,
                    ));
                }
            }
            Guard::Look(_) | Guard::Emergency(_) | Guard::Page(_) | Guard::None => {}
        }
    }
    end(connection, &moved).await?;
    let opened = open(connection, &moved, born).await?;
    let told = announced(connection, kept).await?;
    let begun = attempts(connection, kept).await?;
    Ok(opened || told || begun)
}

async fn end(connection: &mut AnyConnection, moved: &[Moved]) -> Result<(), StoreError> {
    let mut groups: BTreeMap<&'static [PageCause], (DateTime<Utc>, Vec<String>)> = BTreeMap::new();
    for one in moved {
        let group = groups.entry(keeps(one.place)).or_insert((one.at, Vec::new()));
        group.1.push(one.request.to_string());
    }
    for (kept, (at, requests)) in groups {
        let name = |n: usize| kept.get(n).map_or("", |cause| <&'static str>::from(*cause));
        let mut values: Vec<Value> = vec![micros(at).into()];
        values.extend((0..KEPT).map(|n| Value::from(name(n))));
        execute_in(
            connection,
            "UPDATE pages SET state = 'ended', next_at = NULL, updated_at = $1
             WHERE state <> 'ended' AND cause NOT IN ($2, $3, $4, $5, $6, $7, $8) AND request IN",
            values,
            &requests,
        )
        .await?;
    }
    Ok(())
}

/// A page's values, by what it is about.
pub(super) type Row = ((RequestId, PageCause), Vec<Value>);

/// A page that is opened now.
pub(super) fn row(
    id: PageId,
    (request, unit, lane): (RequestId, &UnitId, Lane),
    cause: PageCause,
    at: DateTime<Utc>,
) -> Row {
    let values = vec![
        id.to_string().into(),
        request.to_string().into(),
        unit.as_str().into(),
        <&'static str>::from(lane).into(),
        <&'static str>::from(cause).into(),
        "open".into(),
        0_i64.into(),
        micros(at).into(),
        micros(at).into(),
        0_i64.into(),
        micros(at).into(),
        micros(at).into(),
    ];
    ((request, cause), values)
}

pub(super) const INSERT: &str = "INSERT INTO pages (id, request, unit, lane, cause, state, step, step_at, next_at, fence, opened_at, updated_at)";

/// One that is open already is looked at again: the job may be offered to somebody else now.
async fn open(
    connection: &mut AnyConnection,
    moved: &[Moved],
    born: Vec<Row>,
) -> Result<bool, StoreError> {
    let opening: Vec<&Moved> =
        moved.iter().filter(|one| opens(Lane::Threat, one.place).is_some()).collect();
    let mut rows: BTreeMap<(RequestId, PageCause), Vec<Value>> = born.into_iter().collect();
    if !opening.is_empty() {
        let ids: BTreeSet<String> = opening.iter().map(|one| one.request.to_string()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let head = "SELECT id, unit, lane FROM search_requests WHERE id IN";
        let mut known = BTreeMap::new();
        for found in &fetch_in(connection, (head, ""), &ids).await? {
            let column = Column { row: found, table: "search_requests" };
            let id: RequestId = column.parsed("id")?;
            known.insert(id, (column.parsed::<UnitId>("unit")?, column.word::<Lane>("lane")?));
        }
        for one in opening {
            let Some((unit, lane)) = known.get(&one.request) else { continue };
            let Some(cause) = opens(*lane, one.place) else { continue };
            let id = page_id(one.request, one.version, cause);
            let (key, values) = row(id, (one.request, unit, *lane), cause, one.at);
            rows.insert(key, values);
        }
    }
    if rows.is_empty() {
        return Ok(false);
    }
    // Who has seen it does not hold back whom it is for now.
    let tail = " ON CONFLICT (request, cause) WHERE state <> 'ended'
             DO UPDATE SET next_at = excluded.next_at, fence = pages.fence + 1
             RETURNING id";
    let opened = fetch_rows(connection, (INSERT, tail), rows.into_values().collect()).await?;
    Ok(!opened.is_empty())
}

async fn attempts(connection: &mut AnyConnection, kept: &[&Change]) -> Result<bool, StoreError> {
    let mut begun = Vec::new();
    for change in kept.iter().flat_map(|change| &change.pages) {
        match change {
            PageChange::Begun(new) => begun.push(vec![
                new.id.to_string().into(),
                new.page.to_string().into(),
                i64::from(new.step).into(),
                new.target.kind().into(),
                new.target.name().into(),
                "waiting".into(),
                0_i64.into(),
                micros(new.available_at).into(),
                micros(new.at).into(),
                micros(new.at).into(),
            ]),
            PageChange::Tried(tried) => attempt(connection, tried).await?,
            PageChange::Opened(_) | PageChange::Over { .. } => {}
        }
    }
    let any = !begun.is_empty();
    insert_rows(
        connection,
        "INSERT INTO page_attempts (id, page, step, kind, target, status, tries, available_at, created_at,
             updated_at)",
        begun,
    )
    .await?;
    Ok(any)
}

async fn attempt(connection: &mut AnyConnection, tried: &AttemptUpdate) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE page_attempts SET status = $2, available_at = $3, code = $4, updated_at = $5 WHERE id = $1",
    )
    .bind(tried.id.to_string())
    .bind(<&'static str>::from(tried.status))
    .bind(tried.available_at.map(micros))
    .bind(tried.code.clone())
    .bind(micros(tried.at))
    .execute(&mut *connection)
    .await?;
    if tried.hasten {
        sqlx::query(
            "UPDATE pages SET step_at = $3, next_at = $3
             WHERE id = $1 AND state = 'open' AND step = $2 + 1 AND NOT EXISTS (
                 SELECT 1 FROM page_attempts a WHERE a.page = $1 AND a.step = $2 AND a.status <> 'failed')",
        )
        .bind(tried.page.to_string())
        .bind(i64::from(tried.step))
        .bind(micros(tried.at))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Moves a page whose fence is the one that was read. False: it has moved, or its reply was taken before.
pub(super) async fn update(
    connection: &mut AnyConnection,
    update: &PageUpdate,
) -> Result<bool, StoreError> {
    let moved = sqlx::query(
        "UPDATE pages SET state = $3, step = $4, step_at = $5, next_at = $6, fence = fence + 1,
             updated_at = $7, acknowledged_by = coalesce($8, acknowledged_by),
             acknowledged_at = coalesce($9, acknowledged_at)
         WHERE id = $1 AND fence = $2 AND state <> 'ended'
             AND NOT EXISTS (SELECT 1 FROM page_callbacks c WHERE c.id = $10)",
    )
    .bind(update.id.to_string())
    .bind(update.seen)
    .bind(<&'static str>::from(update.state))
    .bind(i64::from(update.step))
    .bind(micros(update.step_at))
    .bind(update.next_at.map(micros))
    .bind(micros(update.at))
    .bind(update.acknowledged_by.clone())
    .bind(update.acknowledged_by.as_ref().map(|_| micros(update.at)))
    .bind(update.callback.clone().unwrap_or_default())
    .execute(&mut *connection)
    .await?;
    if moved.rows_affected() != 1 {
        return Ok(false);
    }
    if let Some(callback) = &update.callback {
        // Older ones are refused by their time.
        sqlx::query("DELETE FROM page_callbacks WHERE taken_at < $1")
            .bind(micros(update.at - TOLERANCE * 4))
            .execute(&mut *connection)
            .await?;
        sqlx::query("INSERT INTO page_callbacks (id, taken_at) VALUES ($1, $2)")
            .bind(callback.clone())
            .bind(micros(update.at))
            .execute(&mut *connection)
            .await?;
    }
    Ok(true)
}
