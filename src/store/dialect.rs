//! Everything in which the two databases differ.

use sqlx::{AnyConnection, Executor, Row};

use super::StoreError;

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one writer.
    Sqlite,
    /// A server.
    Postgres,
}

impl Dialect {
    /// By the URL's scheme.
    pub fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// How a writing transaction begins. SQLite must take the write lock at once: a deferred transaction that
    /// upgrades fails with `SQLITE_BUSY` whatever the busy timeout.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Locks the audit log's head: on PostgreSQL it puts the writers of many processes in order.
    pub(super) fn read_audit_head(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT size, frontier FROM audit_log WHERE id = 1",
            Self::Postgres => "SELECT size, frontier FROM audit_log WHERE id = 1 FOR UPDATE",
        }
    }

    /// Lets a claim of many workers pass rows that another holds.
    pub(super) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Locks the rows that a statement reads until the commit.
    pub(super) fn lock_rows(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// Locks a person until the commit: claims of the same person come one after the other, from all processes.
    pub(super) fn lock_person(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT pg_advisory_xact_lock($1)::text AS locked"),
        }
    }

    /// Statements for every new connection.
    pub(super) fn on_connect(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA busy_timeout = 10000",
                "PRAGMA foreign_keys = ON",
                "PRAGMA trusted_schema = OFF",
                // What is deleted is overwritten: a destroyed key is in no free page. `FAST` leaves free pages as they are.
                "PRAGMA secure_delete = ON",
            ],
            Self::Postgres => &[
                "SET statement_timeout = '30s'",
                "SET idle_in_transaction_session_timeout = '60s'",
                "SET application_name = 'leadbroker'",
            ],
        }
    }

    /// After a destruction: takes what was overwritten out of the write-ahead log as well. PostgreSQL has nothing like it; its
    /// old row versions and segments go with `VACUUM` and recycling.
    pub(super) fn forget_overwritten(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => Some("PRAGMA wal_checkpoint(TRUNCATE)"),
            Self::Postgres => None,
        }
    }

    /// Reads the durability settings back and refuses those that may lose a commit.
    pub(super) async fn assert_durable(self, conn: &mut AnyConnection) -> Result<(), StoreError> {
        match self {
            Self::Sqlite => {
                let mode: String = conn.fetch_one("PRAGMA journal_mode").await?.try_get(0)?;
                let synchronous: i64 = conn.fetch_one("PRAGMA synchronous").await?.try_get(0)?;
                let secure: i64 = conn.fetch_one("PRAGMA secure_delete").await?.try_get(0)?;
                if secure != 1 {
                    return Err(StoreError::Unsafe(format!(
                        "secure_delete is {secure} and must be 1: this build of SQLite leaves destroyed keys in free pages"
                    )));
                }
                if mode != "wal" || synchronous < 2 {
                    return Err(StoreError::Unsafe(format!(
                        "journal_mode is `{mode}` and synchronous is {synchronous}; it must be `wal` and 2 (a network folder cannot do this: put the file on a local disk)"
                    )));
                }
            }
            Self::Postgres => {
                for setting in ["SHOW fsync", "SHOW synchronous_commit", "SHOW full_page_writes"] {
                    let value: String = conn.fetch_one(setting).await?.try_get(0)?;
                    if value == "off" {
                        return Err(StoreError::Unsafe(format!(
                            "`{setting}` says off, so a power cut may lose an accepted request; switch it on"
                        )));
                    }
                }
            }
        }
        Ok(())
    }
}
