//! The RabbitMQ adapter against a real broker: `scripts/services -- cargo nextest run --test broker_rabbitmq`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "support/proxy.rs"]
mod proxy;
#[path = "broker_rabbitmq/rights.rs"]
mod rights;

use std::sync::Arc;
use std::time::Duration;

use leadbroker::broker::amqp::{
    AmqpConsumer, AmqpHealth, AmqpLink, AmqpPublisher, DEADLINE, Incoming, Outgoing, PublishError,
    Subscription, ack_all, declare, depths, log_in,
};
use leadbroker::broker::topology::{AGENCIES, DEAD, INTAKE, MAX_BODY_BYTES, Queue, Topology, WORK};
use leadbroker::id_source::{IdSource as _, SystemIds};
use proxy::Proxy;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const SOON: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "how a test finds its broker")]
fn from_services(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set; run: scripts/services -- cargo nextest run --test broker_rabbitmq"
        )
    })
}

fn broker_address() -> String {
    from_services("LEADBROKER_TEST_AMQP_URL")
}

/// A queue of the test's own, and a link to the broker.
struct World {
    link: AmqpLink,
    queue: String,
}

impl World {
    fn new() -> Self {
        Self::at(&broker_address())
    }

    fn at(address: &str) -> Self {
        let queue = format!("leadbroker.test.{}", SystemIds.id().simple());
        let mut topology = Topology::default();
        topology.extra.push(Queue::lossless(queue.clone(), WORK, queue.clone(), 100));
        topology.extra.push(Queue {
            name: format!("{queue}.dead"),
            exchange: DEAD,
            key: queue.clone(),
            arguments: vec![("x-queue-type", "quorum".into())],
        });
        let link = AmqpLink {
            url: address.parse().unwrap(),
            authorities: None,
            topology: Arc::new(topology),
            tracker: TaskTracker::new(),
            cancel: CancellationToken::new(),
        };
        Self { link, queue }
    }

    async fn behind_a_proxy() -> (Self, Proxy) {
        let address = broker_address();
        let (login, rest) = address.rsplit_once('@').unwrap();
        let (target, vhost) = rest.split_once('/').unwrap();
        let proxy = Proxy::start(target.parse().unwrap()).await;
        (Self::at(&format!("{login}@{}/{vhost}", proxy.address)), proxy)
    }

    async fn publisher(&self) -> AmqpPublisher {
        let publisher = AmqpPublisher::start(&self.link);
        connected(publisher.health(), true).await;
        publisher
    }

    fn consumer(&self, queue: &str, prefetch: u16) -> AmqpConsumer {
        let subscription =
            Subscription { queue: queue.to_owned(), prefetch, max_body: MAX_BODY_BYTES };
        AmqpConsumer::start(&self.link, subscription)
    }

    fn message(&self, id: &str) -> Outgoing {
        Outgoing {
            exchange: WORK.to_owned(),
            routing_key: self.queue.clone(),
            message_id: id.to_owned(),
            kind: "sample.v1".to_owned(),
            correlation_id: Some("a question".to_owned()),
            content_type: "application/json",
            body: id.as_bytes().to_vec(),
            persistent: true,
        }
    }

    async fn end(self) {
        self.link.cancel.cancel();
        self.link.tracker.close();
        timeout(SOON, self.link.tracker.wait()).await.expect("every task ends");
    }
}

async fn connected(mut health: watch::Receiver<AmqpHealth>, wanted: bool) {
    timeout(SOON, health.wait_for(|now| now.connected == wanted))
        .await
        .unwrap_or_else(|_| panic!("connected never became {wanted}"))
        .unwrap();
}

async fn next(consumer: &mut AmqpConsumer) -> Incoming {
    timeout(SOON, consumer.messages.recv())
        .await
        .expect("a message in time")
        .expect("the consumer runs")
}

async fn nothing(consumer: &mut AmqpConsumer) {
    let more = timeout(Duration::from_millis(500), consumer.messages.recv()).await;
    assert!(more.is_err(), "unexpected: {more:?}");
}

/// Until the publisher has found its way back: what is not confirmed is published again.
async fn publish_until_confirmed(publisher: &AmqpPublisher, message: &Outgoing) {
    let until = Instant::now() + SOON;
    while publisher.publish(vec![message.clone()]).await != [Ok(())] {
        assert!(Instant::now() < until, "never confirmed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_as_it_was_sent_and_once() {
    let world = World::new();
    let publisher = world.publisher().await;
    let batch: Vec<Outgoing> = (0..50).map(|n| world.message(&format!("m{n}"))).collect();
    assert_eq!(publisher.publish(batch).await, vec![Ok(()); 50]);
    let mut consumer = world.consumer(&world.queue, 100);
    let mut all = Vec::new();
    for n in 0..50 {
        let incoming = next(&mut consumer).await;
        assert_eq!(incoming.message_id, Some(format!("m{n}")));
        assert_eq!(incoming.body, format!("m{n}").into_bytes());
        assert_eq!(incoming.correlation_id.as_deref(), Some("a question"));
        assert_eq!(incoming.content_type.as_deref(), Some("application/json"));
        assert_eq!(incoming.kind.as_deref(), Some("sample.v1"));
        assert!(!incoming.redelivered);
        all.push(incoming);
    }
    ack_all(all).await;
    let (link, queue) = (world.link.clone(), world.queue.clone());
    world.end().await;
    let again = AmqpLink { cancel: CancellationToken::new(), tracker: TaskTracker::new(), ..link };
    let world = World { link: again, queue };
    let mut consumer = world.consumer(&world.queue, 100);
    connected(consumer.health.clone(), true).await;
    nothing(&mut consumer).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_queue_takes_is_told_apart_within_a_batch() {
    let world = World::new();
    let publisher = world.publisher().await;
    let nowhere = |id: &str| Outgoing {
        exchange: AGENCIES.to_owned(),
        routing_key: format!("{}.accepted", world.queue),
        ..world.message(id)
    };
    for round in 0..20 {
        let id = |n: u8| format!("{round}-{n}");
        let batch =
            vec![world.message(&id(0)), nowhere(&id(1)), world.message(&id(2)), nowhere(&id(3))];
        let unroutable = Err(PublishError::Unroutable);
        assert_eq!(publisher.publish(batch).await, vec![Ok(()), unroutable, Ok(()), unroutable]);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_not_sent() {
    let world = World::new();
    let publisher = world.publisher().await;
    let large = vec![b'x'; MAX_BODY_BYTES + 1];
    let message = Outgoing { body: large.clone(), ..world.message("large") };
    let long = Outgoing { routing_key: "k".repeat(256), ..world.message("long") };
    let form = Outgoing {
        exchange: INTAKE.to_owned(),
        routing_key: format!("{}.unbound", world.queue),
        body: large,
        ..world.message("form")
    };
    let results = publisher.publish(vec![message, long, form, world.message("fits")]).await;
    assert_eq!(
        results,
        vec![
            Err(PublishError::Oversize),
            Err(PublishError::Oversize),
            Err(PublishError::Unroutable),
            Ok(()),
        ]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses() {
    let world = World::new();
    let publisher = world.publisher().await;
    let mut refused = false;
    for n in 0..300 {
        match publisher.publish(vec![world.message(&format!("m{n}"))]).await.as_slice() {
            [Ok(())] => {}
            [Err(PublishError::Refused)] => refused = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(refused, "300 messages fitted into a queue of 100");
    assert!(publisher.health().borrow().connected);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_recover_from_a_cut_and_unanswered_messages_come_again() {
    let (world, proxy) = World::behind_a_proxy().await;
    let publisher = world.publisher().await;
    let mut consumer = world.consumer(&world.queue, 10);
    publish_until_confirmed(&publisher, &world.message("first")).await;
    let unanswered = next(&mut consumer).await;
    assert!(unanswered.is_current());
    proxy.cut();
    connected(publisher.health(), false).await;
    connected(consumer.health.clone(), false).await;
    assert_eq!(publisher.publish(vec![world.message("lost")]).await, vec![Err(PublishError::Away)]);
    assert!(!unanswered.is_current());
    proxy.resume();
    let again = next(&mut consumer).await;
    assert_eq!(again.message_id.as_deref(), Some("first"));
    assert!(again.redelivered);
    unanswered.ack().await;
    again.ack().await;
    publish_until_confirmed(&publisher, &world.message("second")).await;
    let second = next(&mut consumer).await;
    assert_eq!(second.message_id.as_deref(), Some("second"));
    second.ack().await;
    nothing(&mut consumer).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_broker_leaves_it_open_whether_a_message_arrived() {
    let (world, proxy) = World::behind_a_proxy().await;
    let publisher = world.publisher().await;
    proxy.stall();
    let begun = Instant::now();
    let results = publisher.publish(vec![world.message("a"), world.message("b")]).await;
    let open = Err(PublishError::Indeterminate);
    assert_eq!(results, vec![open, open]);
    assert!(begun.elapsed() < DEADLINE + SOON);
    proxy.resume();
    publish_until_confirmed(&publisher, &world.message("c")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_or_oversized_goes_to_the_dead_letters() {
    let world = World::new();
    let publisher = world.publisher().await;
    let subscription = Subscription { queue: world.queue.clone(), prefetch: 10, max_body: 8 };
    let mut consumer = AmqpConsumer::start(&world.link, subscription);
    let large = Outgoing { body: vec![b'x'; 9], ..world.message("large") };
    assert_eq!(publisher.publish(vec![large, world.message("bad")]).await, vec![Ok(()), Ok(())]);
    let bad = next(&mut consumer).await;
    assert_eq!(bad.message_id.as_deref(), Some("bad"));
    bad.reject().await;
    // They are counted from a connection of another's, and what is not there is left out.
    let dead = format!("{}.dead", world.queue);
    let asked = [dead.clone(), format!("{}.none", world.queue), world.queue.clone()];
    let wanted = [(dead, 2), (world.queue.clone(), 0)];
    let until = Instant::now() + SOON;
    while depths(&world.link.url, None, &asked).await.unwrap() != wanted {
        assert!(Instant::now() < until, "never counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut dead = world.consumer(&format!("{}.dead", world.queue), 10);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let letter = next(&mut dead).await;
        ids.push(letter.message_id.clone().unwrap());
        letter.ack().await;
    }
    ids.sort();
    assert_eq!(ids, ["bad", "large"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_under_way_is_answered_before_the_end() {
    let world = World::new();
    let publisher = world.publisher().await;
    let mut consumer = world.consumer(&world.queue, 10);
    publish_until_confirmed(&publisher, &world.message("slow")).await;
    let slow = next(&mut consumer).await;
    world.link.cancel.cancel();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(slow.is_current(), "the connection lives until the work is done");
    slow.ack().await;
    let (address, queue) = (broker_address(), world.queue.clone());
    world.end().await;
    let mut later = World::at(&address);
    later.link.topology = Arc::new(Topology::default());
    let mut consumer = later.consumer(&queue, 10);
    connected(consumer.health.clone(), true).await;
    nothing(&mut consumer).await;
    later.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_named() {
    let mut world = World::new();
    declare(&world.link).await.unwrap();
    declare(&world.link).await.expect("the same again is no change");
    let mut topology = Topology::default();
    topology.extra.push(Queue::lossless(world.queue.clone(), WORK, world.queue.clone(), 7));
    world.link.topology = Arc::new(topology);
    let error = declare(&world.link).await.unwrap_err().to_string();
    assert!(error.contains(&world.queue), "{error}");
    assert!(error.contains("x-max-length"), "{error}");
    let publisher = AmqpPublisher::start(&world.link);
    let mut health = publisher.health();
    let problem = timeout(
        SOON,
        health.wait_for(|now| now.problem.as_ref().is_some_and(|it| it.contains(&world.queue))),
    );
    problem.await.expect("the health tells it").unwrap();
    assert_eq!(publisher.publish(vec![world.message("m")]).await, vec![Err(PublishError::Away)]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_without_the_password() {
    let address = broker_address();
    let (_, rest) = address.rsplit_once('@').unwrap();
    let world = World::at(&format!("amqp://leadbroker:not-the-one@{rest}"));
    let error = declare(&world.link).await.unwrap_err();
    let text = format!("{error} {error:?} {:?}", world.link);
    assert!(text.contains("ACCESS_REFUSED"), "{text}");
    assert!(!text.contains("not-the-one"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brokers_own_authority_is_trusted_only_where_it_is_named() {
    let address = from_services("LEADBROKER_TEST_AMQPS_URL");
    let url = address.parse().unwrap();
    let ca = std::fs::read_to_string(from_services("LEADBROKER_TEST_AMQPS_CA")).unwrap();
    log_in(&url, Some(ca.clone())).await.unwrap();
    assert!(log_in(&url, None).await.is_err(), "the system does not know this authority");
    let world = World::at(&address);
    let link = AmqpLink { authorities: Some(ca), ..world.link.clone() };
    let world = World { link, ..world };
    let publisher = world.publisher().await;
    assert_eq!(publisher.publish(vec![world.message("over TLS")]).await, vec![Ok(())]);
    world.end().await;
}
