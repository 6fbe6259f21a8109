//! Pull the plug between any two steps: nothing is lost, nothing happens twice.
//!
//! The real program, built with the feature `faults`, serves a real configuration and is killed (SIGKILL, no flush) when
//! it passes a named point for the n-th time. It is started again, the clients go on where they were, and the ledger is
//! balanced at the end. `scripts/test` builds the program and says where it is (`LEADBROKER_TEST_FAULTS`).

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

use site::{Setup, Site};

async fn story(plan: &str) -> u32 {
    let mut site = Site::new(Setup::embedded().with_crash_points());
    site.start(Some(plan)).await;
    let request = site.drive().await;
    site.assert_ledger(&request, plan).await;
    site.crashes
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_named_point_nothing_is_lost_and_nothing_happens_twice() {
    for point in [
        "accept.after_images",
        "accept.after_commit",
        "respond.after_mail_stored",
        "deliver.before_send",
        "deliver.after_send",
    ] {
        assert_eq!(story(&format!("{point}:1")).await, 1, "{point} was passed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_any_commit_nothing_is_lost_and_nothing_happens_twice() {
    let mut crashes = 0;
    for pass in 1..=14 {
        crashes += story(&format!("store.before_commit:{pass}")).await;
    }
    assert!(crashes >= 12, "{crashes} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_commit_nothing_is_lost_and_nothing_happens_twice() {
    let mut crashes = 0;
    for pass in 1..=14 {
        crashes += story(&format!("store.after_commit:{pass}")).await;
    }
    assert!(crashes >= 12, "{crashes} kills");
}
