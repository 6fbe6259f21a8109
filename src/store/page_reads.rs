//! Claiming and reading pages.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::apply::micros;
use super::batch::fetch_in;
use super::pages::AttemptStatus;
use super::rows::Column;
use super::{Store, StoreError};
use crate::domain::{Lane, PageAttemptId, PageCause, PageId, RequestId, UnitId};
use crate::paging::{PageState, Target};

/// A page's row.
#[derive(Debug, Clone, Serialize)]
pub struct PageRow {
    /// Id.
    pub id: PageId,
    /// Its request.
    pub request: RequestId,
    /// Unit.
    pub unit: UnitId,
    /// Lane of the request.
    pub lane: Lane,
    /// Why.
    pub cause: PageCause,
    /// Where it stands.
    pub state: PageState,
    /// Steps taken.
    pub step: u32,
    /// When the next step is due.
    #[serde(skip)]
    pub step_at: DateTime<Utc>,
    /// When the pager looks again; none once it has ended.
    pub next_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    #[serde(skip)]
    pub fence: i64,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// Account or destination that acknowledged it last.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<DateTime<Utc>>,
}

/// An attempt's row.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptRow {
    /// Id.
    pub id: PageAttemptId,
    /// Under which step of the policy, counted through all repeats.
    pub step: u32,
    /// `mail` or `webhook`.
    pub kind: String,
    /// The account or the destination.
    pub target: String,
    /// Where it stands.
    pub status: AttemptStatus,
    /// Tries begun.
    pub tries: i64,
    /// Code of the last outcome.
    pub code: Option<String>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// Last change.
    pub updated_at: DateTime<Utc>,
}

/// An attempt that is claimed for sending, with its page.
#[derive(Debug, Clone)]
pub struct ClaimedAttempt {
    /// Id.
    pub id: PageAttemptId,
    /// The page.
    pub page: PageRow,
    /// Under which step.
    pub step: u32,
    /// To whom.
    pub target: Target,
    /// The id that the target sees.
    pub delivery: String,
    /// Tries, this one included.
    pub tries: i64,
    /// Until when the request's owner has time.
    pub due_at: Option<DateTime<Utc>>,
}

const PAGE_COLUMNS: &str =
    "id, request, unit, lane, cause, state, step, step_at, next_at, fence, opened_at,
     acknowledged_by, acknowledged_at";

fn step(column: &Column<'_>) -> Result<u32, StoreError> {
    let number = column.int("step")?;
    u32::try_from(number)
        .map_err(|_| StoreError::Inconsistent { table: column.table, column: "step" })
}

impl PageRow {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let column = Column { row, table: "pages" };
        Ok(Self {
            id: column.parsed("id")?,
            request: column.parsed("request")?,
            unit: column.parsed("unit")?,
            lane: column.word("lane")?,
            cause: column.parsed("cause")?,
            state: column.parsed("state")?,
            step: step(&column)?,
            step_at: column.time("step_at")?,
            next_at: column.maybe_time("next_at")?,
            fence: column.int("fence")?,
            opened_at: column.time("opened_at")?,
            acknowledged_by: column.maybe_text("acknowledged_by")?,
            acknowledged_at: column.maybe_time("acknowledged_at")?,
        })
    }
}

impl AttemptRow {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let column = Column { row, table: "page_attempts" };
        Ok(Self {
            id: column.parsed("id")?,
            step: step(&column)?,
            kind: column.text("kind")?,
            target: column.text("target")?,
            status: column.parsed("status")?,
            tries: column.int("tries")?,
            code: column.maybe_text("code")?,
            created_at: column.time("created_at")?,
            updated_at: column.time("updated_at")?,
        })
    }
}

impl Store {
    /// Claims pages that are due; until `until` no other pager looks at them. The threat lane first.
    pub async fn claim_pages(
        &self,
        limit: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<PageRow>, StoreError> {
        if self.none_due("SELECT count(*) FROM pages WHERE next_at <= $1", now).await? {
            return Ok(Vec::new());
        }
        let skip_locked = self.dialect.skip_locked();
        self.exclusively(move |connection| {
            Box::pin(async move {
                let sql = format!(
                    "UPDATE pages SET next_at = $3, fence = fence + 1 WHERE id IN (
                         SELECT id FROM pages WHERE next_at <= $1
                         ORDER BY CASE lane WHEN 'threat' THEN 0 ELSE 1 END, next_at LIMIT $2{skip_locked})
                     RETURNING {PAGE_COLUMNS}"
                );
                let rows = sqlx::query(AssertSqlSafe(sql))
                    .bind(micros(now))
                    .bind(limit)
                    .bind(micros(until))
                    .fetch_all(&mut *connection)
                    .await?;
                rows.iter().map(PageRow::read).collect()
            })
        })
        .await
    }

    async fn none_due(&self, sql: &'static str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let row = sqlx::query(sql).bind(micros(now)).fetch_one(&self.readers).await?;
        Ok(row.try_get::<i64, _>(0)? == 0)
    }

    /// Claims attempts that may be sent, each target's together under one delivery id. Those whose page has ended or is
    /// acknowledged end instead.
    pub async fn claim_attempts(
        &self,
        limit: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<ClaimedAttempt>, StoreError> {
        let due = "SELECT count(*) FROM page_attempts WHERE available_at <= $1";
        if self.none_due(due, now).await? {
            return Ok(Vec::new());
        }
        let skip_locked = self.dialect.skip_locked();
        self.exclusively(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE page_attempts SET status = 'ended', available_at = NULL, updated_at = $1
                     WHERE available_at <= $1 AND page IN (SELECT id FROM pages WHERE state <> 'open')",
                )
                .bind(micros(now))
                .execute(&mut *connection)
                .await?;
                let sql = format!(
                    "UPDATE page_attempts SET status = 'sending', available_at = $3, tries = tries + 1
                     WHERE id IN (SELECT id FROM page_attempts WHERE available_at <= $1
                         ORDER BY (SELECT CASE p.lane WHEN 'threat' THEN 0 ELSE 1 END FROM pages p
                             WHERE p.id = page_attempts.page), available_at LIMIT $2{skip_locked})
                     RETURNING id, page, step, kind, target, delivery, tries"
                );
                let rows = sqlx::query(AssertSqlSafe(sql))
                    .bind(micros(now))
                    .bind(limit)
                    .bind(micros(until))
                    .fetch_all(&mut *connection)
                    .await?;
                claimed(connection, &rows).await
            })
        })
        .await
    }

    /// A page.
    pub async fn page(&self, id: PageId) -> Result<Option<PageRow>, StoreError> {
        let sql = format!("SELECT {PAGE_COLUMNS} FROM pages WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(PageRow::read).transpose()
    }

    /// Whether a signed reply was taken before.
    pub async fn has_callback(&self, id: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM page_callbacks WHERE id = $1")
            .bind(id.to_owned())
            .fetch_one(&self.readers)
            .await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// Pages of a unit, newest first; without those that have ended unless `all`.
    pub async fn pages(
        &self,
        unit: &UnitId,
        all: bool,
        limit: i64,
    ) -> Result<Vec<PageRow>, StoreError> {
        let ended = if all { "" } else { " AND state <> 'ended'" };
        let sql = format!(
            "SELECT {PAGE_COLUMNS} FROM pages WHERE unit = $1{ended} ORDER BY opened_at DESC, id LIMIT $2"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(unit.as_str())
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(PageRow::read).collect()
    }

    /// The attempts of a page, oldest first.
    pub async fn attempts(&self, page: PageId) -> Result<Vec<AttemptRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, step, kind, target, status, tries, code, created_at, updated_at FROM page_attempts
             WHERE page = $1 ORDER BY created_at, id",
        )
        .bind(page.to_string())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(AttemptRow::read).collect()
    }

    /// When each of these targets was or will be paged since `since`, without what failed or ended; a message
    /// that waits for its first try has the time of that.
    pub async fn paged_since(
        &self,
        targets: &[Target],
        since: DateTime<Utc>,
    ) -> Result<BTreeMap<Target, Vec<DateTime<Utc>>>, StoreError> {
        let mut times: BTreeMap<Target, Vec<DateTime<Utc>>> = BTreeMap::new();
        for target in targets {
            let rows = sqlx::query(
                "SELECT coalesce(delivery, id) AS message, max(CASE WHEN status = 'waiting' AND tries = 0 THEN available_at ELSE updated_at END) AS at
                 FROM page_attempts
                 WHERE target = $1 AND kind = $2 AND updated_at >= $3 AND status IN ('waiting', 'sending', 'sent')
                 GROUP BY coalesce(delivery, id)",
            )
            .bind(target.name())
            .bind(target.kind())
            .bind(micros(since))
            .fetch_all(&self.readers)
            .await?;
            for row in &rows {
                let column = Column { row, table: "page_attempts" };
                times.entry(target.clone()).or_default().push(column.time("at")?);
            }
        }
        Ok(times)
    }

    /// Open pages by state, for metrics.
    pub async fn page_counts(&self) -> Result<Vec<(PageState, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT state, count(*) AS number FROM pages WHERE state <> 'ended' GROUP BY state",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "pages" };
                Ok((column.parsed("state")?, column.int("number")?))
            })
            .collect()
    }
}

/// The claimed attempts with their pages; those without a delivery id get their target's common one.
async fn claimed(
    connection: &mut sqlx::AnyConnection,
    rows: &[AnyRow],
) -> Result<Vec<ClaimedAttempt>, StoreError> {
    let ids: BTreeSet<String> = rows
        .iter()
        .map(|row| Column { row, table: "page_attempts" }.text("page"))
        .collect::<Result<_, _>>()?;
    let ids: Vec<String> = ids.into_iter().collect();
    let head = "SELECT p.id, p.request, p.unit, p.lane, p.cause, p.state, p.step, p.step_at, p.next_at, p.fence,
         p.opened_at, p.acknowledged_by, p.acknowledged_at,
         CASE WHEN p.cause IN ('emergency_begun', 'duty_due', 'duty_overdue') THEN
             (SELECT min(d.due_at) FROM emergency_duties d WHERE d.request = p.request AND d.done_at IS NULL)
         ELSE r.deadline_at END AS deadline_at
         FROM pages p JOIN search_requests r ON r.id = p.request WHERE p.id IN";
    let mut pages = BTreeMap::new();
    for row in &fetch_in(connection, (head, ""), &ids).await? {
        let page = PageRow::read(row)?;
        let due_at = Column { row, table: "search_requests" }.maybe_time("deadline_at")?;
        pages.insert(page.id, (page, due_at));
    }
    let mut claimed = Vec::with_capacity(rows.len());
    // What a unit's target is told together: the threat lane is never put behind another.
    let mut deliveries: BTreeMap<(UnitId, bool, Target), String> = BTreeMap::new();
    for row in rows {
        let column = Column { row, table: "page_attempts" };
        let id: PageAttemptId = column.parsed("id")?;
        let page: PageId = column.parsed("page")?;
        let Some((page, due_at)) = pages.get(&page) else { continue };
        let bad = StoreError::Inconsistent { table: "page_attempts", column: "target" };
        let target = Target::read(&column.text("kind")?, &column.text("target")?).ok_or(bad)?;
        let delivery = if let Some(delivery) = column.maybe_text("delivery")? {
            delivery
        } else {
            let key = (page.unit.clone(), page.lane == Lane::Threat, target.clone());
            let delivery = deliveries.entry(key).or_insert_with(|| id.to_string()).clone();
            sqlx::query("UPDATE page_attempts SET delivery = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(delivery.clone())
                .execute(&mut *connection)
                .await?;
            delivery
        };
        claimed.push(ClaimedAttempt {
            id,
            page: page.clone(),
            step: step(&column)?,
            target,
            delivery,
            tries: column.int("tries")?,
            due_at: *due_at,
        });
    }
    Ok(claimed)
}
