//! Pull the plug between any two steps: nothing is lost, nothing happens twice.
//!
//! The real program, built with the feature `faults`, serves a real configuration and is killed (SIGKILL, no flush) when
//! it passes a named point for the n-th time. It is started again, the clients go on where they were, and the ledger is
//! balanced at the end. `scripts/test` builds the program and says where it is (`LEADBROKER_TEST_FAULTS`).
//!
//! On PostgreSQL with RabbitMQ a few passes of each point stand for all; `LEADBROKER_TEST_LONG=1` takes every one.

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

/// Points that a request passes once.
const POINTS: &[&str] = &[
    "accept.after_images",
    "accept.after_commit",
    "respond.after_mail_stored",
    "deliver.before_send",
    "deliver.after_send",
];

async fn story(setup: Setup, plan: &str) -> u32 {
    let mut site = Site::new(setup.with_crash_points());
    site.start(Some(plan)).await;
    let request = site.drive().await;
    site.assert_ledger(&request, plan).await;
    site.crashes
}

/// Killed at each of these passes of the point; how often the program died of it.
async fn passes(setup: Setup, point: &str, passes: impl Iterator<Item = usize>) -> u32 {
    let mut crashes = 0;
    for pass in passes {
        crashes += story(setup.clone(), &format!("{point}:{pass}")).await;
    }
    crashes
}

/// All of the first `most` passes, or every third where time is short.
#[expect(clippy::disallowed_methods, reason = "how long a test may take")]
fn chosen(most: usize) -> impl Iterator<Item = usize> {
    let every = if std::env::var("LEADBROKER_TEST_LONG").is_ok() { 1 } else { 3 };
    (1..=most).step_by(every)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_named_point_nothing_is_lost_and_nothing_happens_twice() {
    for point in POINTS {
        let plan = format!("{point}:1");
        assert_eq!(story(Setup::embedded(), &plan).await, 1, "{point} was passed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_any_commit_nothing_is_lost_and_nothing_happens_twice() {
    let crashes = passes(Setup::embedded(), "store.before_commit", 1..=14).await;
    assert!(crashes >= 12, "{crashes} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_commit_nothing_is_lost_and_nothing_happens_twice() {
    let crashes = passes(Setup::embedded(), "store.after_commit", 1..=14).await;
    assert!(crashes >= 12, "{crashes} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_killed_at_every_named_point_nothing_is_lost_and_nothing_happens_twice() {
    for point in POINTS {
        let plan = format!("{point}:1");
        assert_eq!(story(Setup::distributed(), &plan).await, 1, "{point} was passed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_killed_before_any_commit_nothing_is_lost_and_nothing_happens_twice() {
    let (asked, least) = (chosen(14), chosen(12).count());
    let crashes = passes(Setup::distributed(), "store.before_commit", asked).await;
    assert!(crashes as usize >= least, "{crashes} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_killed_after_any_commit_nothing_is_lost_and_nothing_happens_twice() {
    let (asked, least) = (chosen(14), chosen(12).count());
    let crashes = passes(Setup::distributed(), "store.after_commit", asked).await;
    assert!(crashes as usize >= least, "{crashes} kills");
}

/// Confirmed by the broker, and not yet noted: every announcement comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn distributed_killed_before_a_publication_is_noted_nothing_happens_twice() {
    let (asked, least) = (chosen(8), chosen(7).count());
    let crashes = passes(Setup::distributed(), "relay.before_published", asked).await;
    assert!(crashes as usize >= least, "{crashes} kills");
}
