//! The broker is stopped, or loses its disk, in the middle of everything: intake goes on, and afterwards nothing is lost.

#[path = "support/site.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test may panic, reads where its services are, and uses what it needs of the site"
)]
mod site;

use std::process::Command;

use site::patience::Patience;
use site::{Setup, Site};

fn broker(what: &[&str]) {
    let control = site::service("LEADBROKER_TEST_RABBITMQ");
    let done = Command::new(control).args(what).status();
    assert!(done.is_ok_and(|status| status.success()), "{what:?}");
}

/// RabbitMQ's own share of the machine's memory, from which on it takes nothing.
const WATERMARK: &str = "0.4";

/// A broker without memory, until it is dropped: a test that fails must not leave the next one such a broker.
struct NoMemory;

impl NoMemory {
    fn new() -> Self {
        broker(&["memory", "0.00001"]);
        Self
    }
}

impl Drop for NoMemory {
    fn drop(&mut self) {
        let control = site::service("LEADBROKER_TEST_RABBITMQ");
        let _ = Command::new(control).args(["memory", WATERMARK]).status();
    }
}

/// As `/readyz`, which stands beside the API, has it.
#[expect(clippy::indexing_slicing, clippy::panic, reason = "a test may panic")]
async fn until_broker_is(site: &mut Site, wanted: &str) {
    let mut patience = Patience::new();
    while patience.lasts().await {
        let (status, ready) = site.call(("GET", "../../readyz"), "", None).await;
        assert_eq!(status, 200, "{ready}");
        if ready["checks"]["broker"] == wanted {
            return;
        }
    }
    panic!("the broker never was `{wanted}`");
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_a_broker_without_memory_delays_and_loses_nothing() {
    let mut site = Site::new(Setup::distributed());
    site.check_wait(200);
    site.start(None).await;
    until_broker_is(&mut site, "ok").await;
    let short = NoMemory::new();
    let (status, receipt) = site.submit().await;
    assert_eq!((status, receipt["state"].as_str()), (202, Some("received")), "{receipt}");
    let Some(request) = receipt["request"].as_str() else { panic!("{receipt}") };
    until_broker_is(&mut site, "away").await;
    assert_eq!(site.status(request).await["state"], "received", "nothing is conveyed");
    drop(short);
    until_broker_is(&mut site, "ok").await;
    site.follow(request).await;
    site.assert_ledger(request, "no memory").await;
    assert_eq!(site.crashes, 0);
}

/// Page mails in the folder.
fn pages(site: &Site) -> usize {
    let names = std::fs::read_dir(site.path("mail")).map(|entries| {
        entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned())
    });
    names.map_or(0, |names| {
        names.filter(|name| name.starts_with("page-") && !name.contains(".part")).count()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_an_emergency_pages_while_the_broker_is_away() {
    let mut site = Site::new(Setup::distributed());
    site.check_wait(200);
    site.registry(|registry| {
        for entry in &mut registry.accounts {
            let address = format!("{}@pagers.example.gov", entry.account.login);
            entry.account.pager_email = Some(leadbroker::domain::Personal::new(address));
        }
    })
    .await;
    site.start(None).await;
    broker(&["stop"]);
    let (status, receipt) = site
        .submit_changed(&|form| {
            form["purpose"] = serde_json::json!({
                "kind": "imminent_threat", "threat": "A child was taken an hour ago and is in danger.",
                "supervisor": { "name": "Sam Supervisor", "phone": "+12135550143" }
            });
        })
        .await;
    assert_eq!((status, receipt["state"].as_str()), (202, Some("received")), "{receipt}");
    let Some(request) = receipt["request"].as_str() else { panic!("{receipt}") };
    // Nothing was checked or offered yet: the two reviewers on duty are paged all the same.
    let mut patience = Patience::new();
    while patience.lasts().await {
        if pages(&site) >= 2 {
            break;
        }
    }
    assert_eq!(pages(&site), 2);
    assert_eq!(site.status(request).await["state"], "received");
    broker(&["start"]);
    site.until_audited(request, "page.sent", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_a_broker_that_is_away_or_loses_its_disk_loses_no_request() {
    let mut site = Site::new(Setup::distributed());
    site.check_wait(200);
    site.start(None).await;
    broker(&["stop"]);
    // Taken, stored, acknowledged: the check will come when the broker is back.
    let (status, receipt) = site.submit().await;
    assert_eq!((status, receipt["state"].as_str()), (202, Some("received")), "{receipt}");
    let Some(request) = receipt["request"].as_str() else { panic!("{receipt}") };
    // Its disk is gone as well: queues, users, everything that it held.
    broker(&["wipe"]);
    broker(&["start"]);
    site.follow(request).await;
    site.assert_ledger(request, "broker lost").await;
    assert_eq!(site.crashes, 0);
}
