//! The duty roster's entries: added, read, nothing else.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::apply::micros;
use super::batch::{Value, execute_in, fetch_rows};
use super::rows::{Column, json};
use super::{Store, StoreError};
use crate::audit::AuditEvent;
use crate::domain::{RosterEntryId, UnitId};
use crate::roster::{Entry, Rule};

/// An entry to record, with its sealed reason and its audit entry.
#[derive(Debug, Clone)]
pub struct NewRosterEntry {
    /// The entry.
    pub entry: Entry,
    /// Why, sealed.
    pub reason: Option<Vec<u8>>,
    /// Its audit entry.
    pub event: AuditEvent,
}

impl Store {
    /// Records entries of one unit, all or none, each with its audit entry. `false` if others took their places in the
    /// unit's record: read the record again and decide again. Nothing was written then.
    pub async fn add_roster_entries(&self, new: Vec<NewRosterEntry>) -> Result<bool, StoreError> {
        let dialect = self.dialect;
        let mut rows = Vec::with_capacity(new.len());
        let mut events = Vec::with_capacity(new.len());
        for NewRosterEntry { entry, reason, event } in new {
            rows.push(row(&entry, reason)?);
            events.push(event);
        }
        self.exclusively(move |connection| {
            Box::pin(async move {
                let asked = rows.len();
                let head = "INSERT INTO roster_entries (id, unit, ordinal, recorded_at, recorded_by, kind, body,
                     correction, publication, reason)";
                let tail = " ON CONFLICT (unit, ordinal) DO NOTHING RETURNING id";
                let taken = fetch_rows(connection, (head, tail), rows).await?;
                if taken.len() != asked {
                    // Others who were first had fewer entries to record: none of these stays behind theirs.
                    let mine: Vec<String> = taken
                        .iter()
                        .map(|row| Column { row, table: "roster_entries" }.text("id"))
                        .collect::<Result<_, _>>()?;
                    let head = "DELETE FROM roster_entries WHERE id IN";
                    execute_in(connection, head, Vec::new(), &mine).await?;
                    return Ok(false);
                }
                let events: Vec<&AuditEvent> = events.iter().collect();
                super::audit_log::append(connection, dialect, &events).await?;
                Ok(true)
            })
        })
        .await
    }

    /// How many entries there are. None is ever removed, so the same number means the same entries.
    pub async fn roster_size(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT count(*) AS size FROM roster_entries")
            .fetch_one(&self.readers)
            .await?;
        Column { row: &row, table: "roster_entries" }.int("size")
    }

    /// Every entry of every unit, in the order of each unit's record.
    pub async fn roster_entries(&self) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, unit, ordinal, recorded_at, recorded_by, body, correction
             FROM roster_entries ORDER BY unit, ordinal",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "roster_entries" };
                Ok(Entry {
                    id: column.parsed("id")?,
                    unit: column.parsed("unit")?,
                    ordinal: column.int("ordinal")?,
                    recorded_at: column.time("recorded_at")?,
                    recorded_by: column.parsed("recorded_by")?,
                    correction: column.int("correction")? != 0,
                    rule: column.json("body")?,
                })
            })
            .collect()
    }

    /// The sealed reasons of a unit's entries.
    pub async fn roster_reasons(
        &self,
        unit: &UnitId,
    ) -> Result<BTreeMap<RosterEntryId, Vec<u8>>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, reason FROM roster_entries WHERE unit = $1 AND reason IS NOT NULL",
        )
        .bind(unit.as_str().to_owned())
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "roster_entries" };
                Ok((column.parsed("id")?, column.bytes("reason")?))
            })
            .collect()
    }

    /// The sealed registry that was in force at `at`.
    pub async fn registry_at(&self, at: DateTime<Utc>) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query(
            "SELECT sealed FROM registry_versions WHERE imported_at <= $1 ORDER BY version DESC LIMIT 1",
        )
        .bind(micros(at))
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| Column { row: &row, table: "registry_versions" }.bytes("sealed")).transpose()
    }
}

fn row(entry: &Entry, reason: Option<Vec<u8>>) -> Result<Vec<Value>, StoreError> {
    let publication = match &entry.rule {
        Rule::Publication(publication) => Some(publication.number),
        Rule::Rotation(_)
        | Rule::Shift(_)
        | Rule::Temporary(_)
        | Rule::Override(_)
        | Rule::Holiday(_)
        | Rule::Retraction(_) => None,
    };
    Ok(vec![
        entry.id.to_string().into(),
        entry.unit.as_str().into(),
        entry.ordinal.into(),
        micros(entry.recorded_at).into(),
        entry.recorded_by.to_string().into(),
        entry.rule.kind().into(),
        json(&entry.rule)?.into(),
        i64::from(entry.correction).into(),
        publication.into(),
        reason.into(),
    ])
}
