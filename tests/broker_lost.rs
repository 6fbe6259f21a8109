//! The broker dies, or loses its disk: `scripts/services -- cargo nextest run --test broker_lost`. Runs alone
//! (`.config/nextest.toml`), for it stops the broker of all other tests.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use leadbroker::broker::amqp::{
    AmqpConsumer, AmqpHealth, AmqpLink, AmqpPublisher, Outgoing, PublishError, Subscription,
};
use leadbroker::broker::topology::{MAX_BODY_BYTES, Queue, Topology, WORK};
use leadbroker::id_source::{IdSource as _, SystemIds};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const SOON: Duration = Duration::from_mins(1);

#[expect(clippy::disallowed_methods, reason = "how a test finds its broker")]
fn from_services(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set; run: scripts/services -- cargo nextest run --test broker_lost")
    })
}

async fn control(action: &'static str) {
    let script = from_services("LEADBROKER_TEST_RABBITMQ");
    let done = tokio::process::Command::new(script).arg(action).status().await.unwrap();
    assert!(done.success(), "{action}: {done}");
}

async fn connected(mut health: watch::Receiver<AmqpHealth>, wanted: bool) {
    let met = timeout(SOON, health.wait_for(|now| now.connected == wanted)).await.is_ok();
    assert!(met, "connected never became {wanted}: {:?}", *health.borrow());
}

fn message(queue: &str, id: &str) -> Outgoing {
    Outgoing {
        exchange: WORK.to_owned(),
        routing_key: queue.to_owned(),
        message_id: id.to_owned(),
        kind: "sample.v1".to_owned(),
        correlation_id: None,
        content_type: "application/json",
        body: Vec::new(),
        persistent: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_messages_survive_a_crash_and_a_lost_disk_is_built_up_again() {
    let queue = format!("leadbroker.test.{}", SystemIds.id().simple());
    let mut topology = Topology::default();
    topology.extra.push(Queue::lossless(queue.clone(), WORK, queue.clone(), 100));
    let link = AmqpLink {
        url: from_services("LEADBROKER_TEST_AMQP_URL").parse().unwrap(),
        authorities: None,
        topology: Arc::new(topology),
        tracker: TaskTracker::new(),
        cancel: CancellationToken::new(),
    };
    let message = |id| message(&queue, id);
    let publisher = AmqpPublisher::start(&link);
    connected(publisher.health(), true).await;
    assert_eq!(publisher.publish(vec![message("kept")]).await, [Ok(())]);

    // RabbitMQ 3.10 (measured): a quorum queue younger than its registry's next write to disk does not come back.
    tokio::time::sleep(Duration::from_secs(10)).await;
    control("kill").await;
    connected(publisher.health(), false).await;
    assert_eq!(publisher.publish(vec![message("no")]).await, [Err(PublishError::Away)]);
    control("start").await;
    let subscription =
        Subscription { queue: queue.clone(), prefetch: 10, max_body: MAX_BODY_BYTES };
    let mut consumer = AmqpConsumer::start(&link, subscription);
    connected(consumer.health.clone(), true).await;
    let kept = timeout(SOON, consumer.messages.recv()).await.expect("in time").unwrap();
    assert_eq!(kept.message_id.as_deref(), Some("kept"));
    drop(kept);

    control("stop").await;
    control("wipe").await;
    connected(publisher.health(), false).await;
    control("start").await;
    connected(publisher.health(), true).await;
    assert_eq!(publisher.publish(vec![message("new")]).await, [Ok(())]);
    let new = timeout(SOON, consumer.messages.recv()).await.expect("in time").unwrap();
    assert_eq!(new.message_id.as_deref(), Some("new"), "the old one is lost with the disk");
    new.ack().await;
    link.cancel.cancel();
    link.tracker.close();
    timeout(SOON, link.tracker.wait()).await.expect("every task ends");
}
