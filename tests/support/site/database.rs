//! What a test does in its own database: it lets time pass, and counts rows.

use std::process::Command;

use leadbroker::id_source::{IdSource as _, SystemIds};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use super::patience::Patience;
use super::{Site, service};

/// A new PostgreSQL database: its URL.
pub(super) fn create() -> String {
    let server = service("LEADBROKER_TEST_POSTGRES_URL");
    let name = format!("site_{}", SystemIds.id().simple());
    let made =
        Command::new("psql").args([&server, "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(made.unwrap().success());
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

impl Site {
    async fn connection(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.database).await.unwrap()
    }

    /// Runs a statement; how many rows it changed.
    pub async fn sql(&self, statement: &str) -> u64 {
        let mut connection = self.connection().await;
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        done.rows_affected()
    }

    /// Runs statements in one transaction.
    pub async fn sql_at_once(&self, statements: &[&str]) {
        let mut connection = self.connection().await;
        let mut transaction = connection.begin().await.unwrap();
        for statement in statements {
            let query = sqlx::query(AssertSqlSafe(*statement));
            query.execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
        connection.close().await.unwrap();
    }

    /// The first column, text, of every row.
    pub async fn column(&self, query: &str) -> Vec<String> {
        let mut connection = self.connection().await;
        let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| row.try_get(0).unwrap()).collect()
    }

    /// The one number that the query gives.
    pub async fn number(&self, query: &str) -> i64 {
        let mut connection = self.connection().await;
        let row = sqlx::query(AssertSqlSafe(query)).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        row.try_get(0).unwrap()
    }

    /// Waits until the request's command failed and is to be tried again; then that time has come.
    pub async fn retry_is_due(&self, request: &str) {
        let of_request = format!("SELECT id FROM messages WHERE request = '{request}'");
        let mut patience = Patience::new();
        while patience.lasts().await {
            let due = format!(
                "UPDATE deliveries SET available_at = 1, last_error = NULL
                 WHERE state = 'waiting' AND last_error IS NOT NULL AND message IN ({of_request})"
            );
            if self.sql(&due).await > 0 {
                self.sql("UPDATE messages SET publish_at = 1 WHERE publish_at IS NOT NULL").await;
                return;
            }
        }
        panic!("nothing of {request} failed");
    }

    /// The claims of a program that is gone have run out, without waiting for the longest (20 minutes).
    pub(super) async fn release_claims_of_the_dead(&self) {
        if self.setup.distributed {
            // What it committed last may still be on its way to the disk.
            let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
            let mut patience = Patience::new();
            while patience.lasts().await && self.number(others).await > 0 {}
            self.sql("UPDATE deliveries SET available_at = 0 WHERE state = 'leased'").await;
            self.sql("UPDATE messages SET publish_at = 0 WHERE publish_at IS NOT NULL").await;
        }
    }

    /// The deadline of a request's step has passed; the sweeper sees it within its five seconds.
    pub async fn deadline_passes(&self, request: &str) {
        let past = format!("UPDATE search_requests SET deadline_at = 0 WHERE id = '{request}'");
        assert_eq!(self.sql(&past).await, 1);
    }

    /// Message-IDs of the mails that were sealed for a request.
    pub async fn message_ids(&self, request: &str) -> Vec<String> {
        self.column(&format!(
            "SELECT message_id FROM mailings WHERE request = '{request}' ORDER BY id"
        ))
        .await
    }

    /// How many records of people's steps are kept of a request.
    pub async fn records(&self, request: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM case_records WHERE request = '{request}'")).await
    }

    /// Files in the image store, once the sweeper has removed what no row needs.
    pub async fn files_in_store_after_sweep(&self) -> usize {
        let mut patience = Patience::new();
        while patience.lasts().await {
            if self.number("SELECT count(*) FROM discarded_objects").await == 0 {
                break;
            }
        }
        let mut folders = vec![self.path("images")];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
                if entry.path().is_dir() { folders.push(entry.path()) } else { files += 1 }
            }
        }
        files
    }

    /// Waits until a mailing of the request has this status.
    pub async fn until_mailing(&self, request: &str, wanted: &str) {
        let mut patience = Patience::new();
        while patience.lasts().await {
            if self.mailing_status(request).await.iter().any(|status| status == wanted) {
                return;
            }
        }
        panic!("no mail of {request} became {wanted}: {:?}", self.mailing_status(request).await);
    }

    /// Waits until a mail of the request is sent: for an agency that may not ask itself.
    pub async fn sent(&self, request: &str) {
        self.until_mailing(request, "sent").await;
    }

    /// Status of each mailing of a request.
    pub async fn mailing_status(&self, request: &str) -> Vec<String> {
        self.column(&format!("SELECT status FROM mailings WHERE request = '{request}' ORDER BY id"))
            .await
    }
}
