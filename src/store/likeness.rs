//! Probes that look like the same picture: what is to be compared, the bands by which candidates are found, and the pairs.

use chrono::{DateTime, Utc};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::apply::micros;
use super::audit_log::append;
use super::batch::{Value, execute_in, insert_rows, push_places};
use super::rows::Column;
use super::{Store, StoreError};
use crate::audit::AuditEvent;
use crate::domain::RequestId;

/// A probe by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbePlace {
    /// Its request.
    pub request: RequestId,
    /// Place in the form, from 0.
    pub ordinal: i64,
}

/// A probe whose picture is to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureToCompare {
    /// Which.
    pub place: ProbePlace,
    /// Key in the image store.
    pub object_key: String,
    /// Attempts, this one included.
    pub attempts: i64,
}

/// Another probe's hashes, still sealed.
#[derive(Debug, Clone)]
pub struct SealedHashes {
    /// Whose.
    pub place: ProbePlace,
    /// Key in the image store; the hashes are bound to it.
    pub object_key: String,
    /// Sealed hashes.
    pub sealed: Vec<u8>,
    /// Wrapped data key of the request.
    pub data_key: Vec<u8>,
}

/// What became of a probe's comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum PictureState {
    /// It was compared with every other one.
    Compared,
    /// It cannot be: no picture that the worker reads.
    Unreadable,
}

/// How far the comparison of a request's probes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PicturesCompared {
    /// Probes that wait for it.
    pub waiting: i64,
    /// Probes that cannot be compared.
    pub unreadable: i64,
}

impl Store {
    /// Claims probes of checked requests whose pictures were not compared yet, until `until`; the oldest first.
    pub async fn claim_pictures(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<PictureToCompare>, StoreError> {
        let skip_locked = self.dialect().skip_locked();
        let due = "picture_state = 'waiting' AND coalesce(picture_at, 0) <= $1";
        // A reader finds that there is nothing to do, without a turn of the writer.
        let sql = format!(
            "SELECT count(*) AS due FROM (SELECT 1 FROM probes WHERE {due} LIMIT 1) AS found"
        );
        let row =
            sqlx::query(AssertSqlSafe(sql)).bind(micros(now)).fetch_one(&self.readers).await?;
        if (Column { row: &row, table: "probes" }).int("due")? == 0 {
            return Ok(Vec::new());
        }
        self.exclusively(move |connection| {
            Box::pin(async move {
                // Materialised: PostgreSQL may run a subquery that locks more than once, and claim more than `limit`.
                let sql = format!(
                    "WITH due AS MATERIALIZED (
                         SELECT request, ordinal FROM probes
                         WHERE {due} AND request IN
                             (SELECT id FROM search_requests WHERE stage <> 'received' AND data_key IS NOT NULL)
                         ORDER BY request, ordinal LIMIT $3{skip_locked})
                     UPDATE probes SET picture_at = $2, picture_attempts = picture_attempts + 1
                     FROM due WHERE probes.request = due.request AND probes.ordinal = due.ordinal
                     RETURNING probes.request, probes.ordinal, object_key, picture_attempts"
                );
                let rows = sqlx::query(AssertSqlSafe(sql))
                    .bind(micros(now))
                    .bind(micros(until))
                    .bind(limit)
                    .fetch_all(&mut *connection)
                    .await?;
                let mut claimed = rows
                    .iter()
                    .map(|row| {
                        let column = Column { row, table: "probes" };
                        Ok(PictureToCompare {
                            place: place(&column)?,
                            object_key: column.text("object_key")?,
                            attempts: column.int("picture_attempts")?,
                        })
                    })
                    .collect::<Result<Vec<_>, StoreError>>()?;
                claimed.sort_by_key(|claimed| claimed.place);
                Ok(claimed)
            })
        })
        .await
    }

    /// Keeps a probe's sealed hashes and the bands by which it is found. False, and nothing is written, if the probe is
    /// gone.
    pub async fn keep_hashes(
        &self,
        place: ProbePlace,
        sealed: Vec<u8>,
        bands: Vec<i64>,
    ) -> Result<bool, StoreError> {
        self.exclusively(move |connection| {
            Box::pin(async move {
                let kept = sqlx::query(
                    "UPDATE probes SET picture_hashes = $3 WHERE request = $1 AND ordinal = $2",
                )
                .bind(place.request.to_string())
                .bind(place.ordinal)
                .bind(sealed)
                .execute(&mut *connection)
                .await?;
                if kept.rows_affected() == 0 {
                    return Ok(false);
                }
                // Another attempt may have been here before.
                sqlx::query("DELETE FROM picture_bands WHERE request = $1 AND ordinal = $2")
                    .bind(place.request.to_string())
                    .bind(place.ordinal)
                    .execute(&mut *connection)
                    .await?;
                let row = |band: i64| {
                    vec![band.into(), place.request.to_string().into(), place.ordinal.into()]
                };
                let rows: Vec<Vec<Value>> = bands.into_iter().map(row).collect();
                insert_rows(connection, "INSERT INTO picture_bands (band, request, ordinal)", rows)
                    .await?;
                Ok(true)
            })
        })
        .await
    }

    /// Probes of other requests that share a band with these: at most `most`, those that share the most bands.
    pub async fn sharing_bands(
        &self,
        request: RequestId,
        bands: &[i64],
        most: i64,
    ) -> Result<Vec<SealedHashes>, StoreError> {
        let mut sql = "SELECT p.request, p.ordinal, p.object_key, p.picture_hashes, r.data_key
             FROM (SELECT request, ordinal, count(*) AS shared FROM picture_bands
                 WHERE request <> $1 AND band IN ("
            .to_owned();
        push_places(&mut sql, 2, bands.len());
        sql.push_str(
            ") GROUP BY request, ordinal ORDER BY shared DESC, request DESC, ordinal LIMIT $2) AS near
             JOIN probes p ON p.request = near.request AND p.ordinal = near.ordinal
             JOIN search_requests r ON r.id = p.request
             WHERE p.picture_hashes IS NOT NULL AND r.data_key IS NOT NULL
             ORDER BY p.request, p.ordinal",
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(request.to_string()).bind(most);
        for band in bands {
            query = query.bind(*band);
        }
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "probes" };
                Ok(SealedHashes {
                    place: place(&column)?,
                    object_key: column.text("object_key")?,
                    sealed: column.bytes("picture_hashes")?,
                    data_key: column.bytes("data_key")?,
                })
            })
            .collect()
    }

    /// Ends the comparison of a probe: its state, the probes that look like the same picture, and the audit entry about
    /// them, together.
    pub async fn pictures_compared(
        &self,
        place: ProbePlace,
        state: PictureState,
        alike: Vec<ProbePlace>,
        event: Option<AuditEvent>,
    ) -> Result<(), StoreError> {
        let dialect = self.dialect();
        self.exclusively(move |connection| {
            Box::pin(async move {
                let ended = sqlx::query(
                    "UPDATE probes SET picture_state = $3, picture_at = NULL
                     WHERE request = $1 AND ordinal = $2",
                )
                .bind(place.request.to_string())
                .bind(place.ordinal)
                .bind(<&'static str>::from(state))
                .execute(&mut *connection)
                .await?;
                if ended.rows_affected() == 0 {
                    return Ok(());
                }
                // In one order for everybody: two that find each other at once must not wait for each other.
                let mut pairs: Vec<(ProbePlace, ProbePlace)> =
                    alike.into_iter().flat_map(|other| [(place, other), (other, place)]).collect();
                pairs.sort_unstable();
                for (from, to) in pairs {
                    pair(connection, from, to).await?;
                }
                let events: Vec<&AuditEvent> = event.iter().collect();
                append(connection, dialect, &events).await
            })
        })
        .await
    }

    /// How far the comparison of a request's probes is.
    pub async fn comparison_of(&self, request: RequestId) -> Result<PicturesCompared, StoreError> {
        let row = sqlx::query(
            "SELECT count(CASE WHEN picture_state = 'waiting' THEN 1 END) AS waiting,
                 count(CASE WHEN picture_state = 'unreadable' THEN 1 END) AS unreadable
             FROM probes WHERE request = $1",
        )
        .bind(request.to_string())
        .fetch_one(&self.readers)
        .await?;
        let column = Column { row: &row, table: "probes" };
        Ok(PicturesCompared {
            waiting: column.int("waiting")?,
            unreadable: column.int("unreadable")?,
        })
    }
}

fn place(column: &Column<'_>) -> Result<ProbePlace, StoreError> {
    Ok(ProbePlace { request: column.parsed("request")?, ordinal: column.int("ordinal")? })
}

/// One direction; the other probe's comparison may have found it before.
async fn pair(
    connection: &mut AnyConnection,
    from: ProbePlace,
    to: ProbePlace,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO picture_likenesses (request, ordinal, other, other_ordinal)
         VALUES ($1, $2, $3, $4) ON CONFLICT (request, ordinal, other, other_ordinal) DO NOTHING",
    )
    .bind(from.request.to_string())
    .bind(from.ordinal)
    .bind(to.request.to_string())
    .bind(to.ordinal)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// What is known of these requests' pictures goes with the probes.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    requests: &[String],
) -> Result<(), StoreError> {
    for head in [
        "DELETE FROM picture_bands WHERE request IN",
        "DELETE FROM picture_likenesses WHERE request IN",
        "DELETE FROM picture_likenesses WHERE other IN",
    ] {
        execute_in(connection, head, Vec::new(), requests).await?;
    }
    Ok(())
}
