//! After a whole walk nothing that names or describes a person stands anywhere but in what is sealed: not in a log line,
//! a database, an image store, an export, or the outer headers of a mail.
//!
//! The PostgreSQL half: `scripts/services -- cargo nextest run --test no_personal_data`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, and reads where its services are"
)]

#[expect(dead_code, reason = "other tests also say again what they heard")]
#[path = "support/tap.rs"]
mod tap;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadbroker::app::{self, RoleOfProcess};
use leadbroker::broker::topology::{AGENCIES, DEAD, REVIEW, WORK};
use leadbroker::demo::{DemoOptions, start, walk};
use leadbroker::id_source::{IdSource as _, SystemIds};
use leadbroker::shutdown::Shutdown;
use strum::VariantArray as _;
use tap::Tap;

/// What the demonstration's form and examination say of people and the case.
const MARKS: &[&str] = &[
    "Jordan Sample",
    "2135550142",
    "24-001873",
    "24-001901",
    "24-000007",
    "attacker fled on foot",
    "strike the victim twice",
    "5th Street",
    "evidence item 7",
    "Store owner",
    "frame-0412",
    "Aggravated assault",
    "SAMPLE, CASEY",
    "1991-04-17",
    "X0000000",
    "A00000001",
    "Sample Plaza",
    "nasal bridge",
    "Attached lobes",
    "both eyes visible",
];
/// An address may stand where a mail is delivered to, and nowhere else.
const ADDRESS: &str = "jsample@pd.example.gov";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

fn assert_clean(what: &str, bytes: &[u8]) {
    for mark in MARKS.iter().chain([&ADDRESS]) {
        assert!(!contains(bytes, mark), "`{mark}` stands in {what}");
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

async fn walked(
    database: Option<String>,
    amqp: Option<String>,
) -> (tempfile::TempDir, Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("leadbroker=trace,sqlx=info,object_store=info")
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let options = DemoOptions {
        out: folder.path().join("out"),
        database,
        amqp,
        smtp: None,
        listen: "127.0.0.1:0".to_owned(),
    };
    let mut demo = start(&options).await.unwrap();
    // The picture worker is the real program.
    demo.ctx.picture_worker = env!("CARGO_BIN_EXE_leadbroker").into();
    let shutdown = Shutdown::default();
    app::start(&demo.ctx, &demo.config, RoleOfProcess::VARIANTS, &shutdown).await.unwrap();
    let mut screen = Vec::new();
    walk(&demo, &mut screen).await.unwrap();
    shutdown.drain(Duration::from_secs(30)).await;
    demo.ctx.store.close().await;
    let told = String::from_utf8(screen).unwrap();
    let lines = log.0.lock().unwrap().clone();
    (folder, lines, told)
}

fn assert_files_clean(out: &Path) {
    let mut looked = 0;
    for path in files(out) {
        let name = path.strip_prefix(out).unwrap().display().to_string();
        // What the demonstration leaves for its reader: documents, keys, tokens.
        let kind = path.extension().and_then(|extension| extension.to_str());
        if kind == Some("pdf") || name.starts_with("keys") || name == "demo.json" {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        if kind == Some("eml") {
            let mail = String::from_utf8_lossy(&bytes);
            let (headers, body) = mail.split_once("\r\n\r\n").unwrap();
            let headers: Vec<&str> =
                headers.lines().filter(|line| !line.starts_with("To: ")).collect();
            assert_clean(&name, headers.join("\n").as_bytes());
            assert_clean(&name, body.as_bytes());
        } else {
            assert_clean(&name, &bytes);
        }
        looked += 1;
    }
    assert!(looked > 8, "only {looked} files were there to look at");
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_no_mark_stands_outside_what_is_sealed() {
    let (folder, log, told) = walked(None, None).await;
    assert!(told.contains("24-001873"), "the walk tells its own reader");
    assert_clean("the log", &log);
    assert_files_clean(&folder.path().join("out"));
    // The search would find a mark: the document has them before it is compressed and sealed.
    assert!(contains(b"of Jordan Sample, case", MARKS.first().unwrap()));
}

fn service(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("run: scripts/services -- cargo nextest run --test no_personal_data");
    })
}

fn fresh_database() -> String {
    let server = service("LEADBROKER_TEST_POSTGRES_URL");
    let name = format!("marks_{}", SystemIds.id().simple());
    let made = std::process::Command::new("psql")
        .args([&server, "-qc", &format!("CREATE DATABASE {name}")])
        .status()
        .unwrap();
    assert!(made.success());
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_no_mark_stands_outside_what_is_sealed() {
    let url = fresh_database();
    let (folder, log, _) = walked(Some(url.clone()), None).await;
    assert_clean("the log", &log);
    assert_files_clean(&folder.path().join("out"));
    let dump = std::process::Command::new("pg_dump").arg(&url).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    assert!(contains(&dump.stdout, "search_request.accepted"), "the dump holds the rows");
    assert_clean("the database's dump", &dump.stdout);
    // A sealed column is dumped as hexadecimal: a mark would stand there in that form.
    for mark in MARKS {
        assert!(
            !contains(&dump.stdout, &hex::encode(mark)),
            "`{mark}` stands in a column of bytes"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_no_mark_travels_through_the_broker() {
    let url = service("LEADBROKER_TEST_AMQP_URL");
    // Everything but intake, where the agencies' own forms arrive.
    let places = [(WORK, "#"), (REVIEW, "#"), (AGENCIES, "#"), (DEAD, "#")];
    let tap = Tap::start(&url, &places, 0).await;
    let (_folder, log, _) = walked(Some(fresh_database()), Some(url)).await;
    assert_clean("the log", &log);
    let heard = tap.heard();
    for (exchange, least) in [(WORK, 8), (REVIEW, 2), (AGENCIES, 10)] {
        let there = heard.iter().filter(|message| message.exchange == exchange).count();
        assert!(there >= least, "only {there} messages passed {exchange}");
    }
    for message in &heard {
        assert_clean(&message.kind, &message.body);
        assert_clean(
            "a message's properties",
            format!("{} {}", message.id, message.kind).as_bytes(),
        );
        assert!(message.body.len() < 4096, "{} holds more than ids", message.kind);
    }
}
