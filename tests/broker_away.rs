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

use site::{Setup, Site};

fn broker(what: &str) {
    let control = site::service("LEADBROKER_TEST_RABBITMQ");
    assert!(
        Command::new(control).arg(what).status().is_ok_and(|status| status.success()),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_a_broker_that_is_away_or_loses_its_disk_loses_no_request() {
    let mut site = Site::new(Setup::distributed());
    site.start(None).await;
    broker("stop");
    // Taken, stored, acknowledged: the check will come when the broker is back.
    let (status, receipt) = site.submit().await;
    assert_eq!((status, receipt["state"].as_str()), (202, Some("received")), "{receipt}");
    let Some(request) = receipt["request"].as_str() else { panic!("{receipt}") };
    // Its disk is gone as well: queues, users, everything that it held.
    broker("wipe");
    broker("start");
    site.follow(request).await;
    site.assert_ledger(request, "broker lost").await;
    assert_eq!(site.crashes, 0);
}
