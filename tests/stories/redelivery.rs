//! Every message comes twice and more: the effect is there once.

use std::time::Duration;

use leadbroker::broker::topology::WORK;
use leadbroker::messages::Step;
use strum::VariantArray as _;

use crate::site::patience::Patience;
use crate::site::people::lead;
use crate::site::{Setup, Site, service};
use crate::tap::Tap;

crate::both!(every_command_that_was_done_comes_again);

/// Keeps a copy of every command in the test's own database.
async fn keep_commands(site: &Site) {
    site.sql(
        "CREATE TABLE kept (id TEXT PRIMARY KEY, request TEXT, route TEXT, body TEXT, created_at BIGINT, queue TEXT)",
    )
    .await;
    let copy = "INSERT INTO kept SELECT m.id, m.request, m.route, m.body, m.created_at, NEW.queue
                FROM messages m WHERE m.id = NEW.message ON CONFLICT DO NOTHING;";
    if site.is_distributed() {
        site.sql(&format!(
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {copy} RETURN NEW; END'"
        ))
        .await;
        site.sql(
            "CREATE TRIGGER keep AFTER INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION keep()",
        )
        .await;
    } else {
        site.sql(&format!("CREATE TRIGGER keep AFTER INSERT ON deliveries BEGIN {copy} END")).await;
    }
}

/// Every command that ever was is due again, as if nobody had ever worked on it.
async fn all_again(site: &Site, request: &str) {
    for _ in 0..2 {
        let publish_at = if site.is_distributed() { "1" } else { "NULL" };
        site.sql_at_once(&[
            &format!(
                "INSERT INTO messages (id, request, route, body, created_at, publish_at)
                 SELECT id, request, route, body, created_at, {publish_at} FROM kept WHERE true
                 ON CONFLICT DO NOTHING"
            ),
            "INSERT INTO deliveries (message, queue, state, available_at, attempts, fence)
             SELECT id, queue, 'waiting', 1, 0, 0 FROM kept WHERE true ON CONFLICT DO NOTHING",
        ])
        .await;
        site.nothing_waits(request).await;
    }
}

async fn every_command_that_was_done_comes_again(setup: Setup) {
    let mut site = Site::serving(setup).await;
    keep_commands(&site).await;
    let request = site.queued().await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    all_again(&site, &request).await;
    assert_eq!(site.status(&request).await["state"], "queued");
    assert_eq!(site.examine(&request, "conclude", &first, &lead("A1")).await, "examined");
    all_again(&site, &request).await;
    site.examine(&request, "second-review", &second, &lead("A1")).await;
    all_again(&site, &request).await;
    assert_eq!(site.status(&request).await["state"], "awaiting_release");
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    let before = site.audit("before").await;
    all_again(&site, &request).await;
    let of_request = |events: &[serde_json::Value]| {
        events.iter().filter(|event| event["request"] == request.as_str()).count()
    };
    let after = site.audit("after").await;
    assert_eq!(of_request(&after), of_request(&before), "nothing more is on record");
    assert_eq!(site.column("SELECT DISTINCT queue FROM kept").await.len(), Step::VARIANTS.len());
    site.assert_ledger(&request, "every command again").await;
    site.assert_times(&request, "every command again", &[("search_request.offered", 1)]).await;
    site.open_answer(&request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_every_announcement_is_made_again_while_it_happens() {
    let mut site = Site::serving(Setup::distributed()).await;
    let places: Vec<(&'static str, &str)> =
        Step::VARIANTS.iter().map(|step| (WORK, step.as_str())).collect();
    let tap = Tap::start(&service("LEADBROKER_TEST_AMQP_URL"), &places, 3).await;
    let mut requests = Vec::new();
    for _ in 0..3 {
        let request = site.concluded(&lead("A1")).await;
        // What nobody has finished is published anew by the relay, too.
        site.sql("UPDATE messages SET publish_at = 1 WHERE publish_at IS NULL").await;
        site.release(&request).await;
        site.sql("UPDATE messages SET publish_at = 1 WHERE publish_at IS NULL").await;
        requests.push(request);
    }
    for request in &requests {
        site.until(request, &["delivered"]).await;
    }
    tap.say_again().await;
    tap.say_again().await;
    // Everything that was said has been heard by the product before this request is through.
    let last = site.concluded(&lead("A1")).await;
    site.release(&last).await;
    site.until(&last, &["delivered"]).await;
    requests.push(last);
    let heard = |step: &Step| tap.heard().iter().filter(|heard| heard.key == step.as_str()).count();
    let mut patience = Patience::new();
    while patience.lasts().await && Step::VARIANTS.iter().any(|step| heard(step) < requests.len()) {
    }
    // And no more than that.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for step in Step::VARIANTS {
        assert_eq!(heard(step), requests.len(), "{}", step.as_str());
    }
    for request in &requests {
        site.assert_ledger(request, "announced again").await;
        site.assert_times(request, "announced again", &[("search_request.offered", 1)]).await;
    }
}
