//! How forms come in, and what becomes of those that nobody can read.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use leadbroker::broker::topology::{DEAD, INTAKE, INTAKE_KEY, INTAKE_PREFETCH, intake_queue};
use leadbroker::registry::Registry;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::site::forms::AGENCY;
use crate::site::patience::Patience;
use crate::site::{Setup, Site, service};

crate::both!(what_cannot_be_read_over_http_is_on_record);

const STORED: &str = "SELECT count(*) FROM search_requests";

/// Further settings, from the next start on.
fn set(site: &Site, section: &str) {
    let config = std::fs::read_to_string(site.path("leadbroker.toml")).unwrap();
    site.write("leadbroker.toml", format!("{config}\n{section}\n"));
}

/// Codes of the entries with this action, in their order.
async fn codes(site: &mut Site, action: &str) -> Vec<String> {
    let events = site.audit(action).await;
    let of_action = events.iter().filter(|event| event["action"] == action);
    of_action.map(|event| event["detail"]["code"].as_str().unwrap().to_owned()).collect()
}

async fn what_cannot_be_read_over_http_is_on_record(setup: Setup) {
    let mut site = Site::new(setup);
    set(&site, "[limits]\nimage_mib = 1\nform_mib = 1");
    site.start(None).await;
    let http = leadbroker::http::client(Duration::from_secs(30)).unwrap();
    let part = |name: &str, text: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let (json, parts) = ("application/json", "multipart/form-data; boundary=b");
    let large = "x".repeat((1 << 20) + 1);
    let twice = [part("form", "{}"), part("form", "{}"), "--b--\r\n".to_owned()].concat();
    let formless = [part("file-1", "x"), "--b--\r\n".to_owned()].concat();
    let cases = [
        (json, "one-key", large, (413, "too_large")),
        (parts, "one-key", twice, (400, "field_repeated")),
        (parts, "one-key", formless, (400, "form_missing")),
        (parts, "one-key", "--b\r\nbroken".to_owned(), (400, "body_unreadable")),
        ("text/plain", "one-key", "{}".to_owned(), (415, "media_type")),
        (json, "no key", "{}".to_owned(), (400, "idempotency_key")),
        (json, "one-key", "{".to_owned(), (400, "malformed")),
    ];
    let url = format!("{}/api/v1/search-requests", site.origin());
    let mut wanted = Vec::new();
    for (kind, key, body, (status, code)) in cases {
        let call = http.post(&url).bearer_auth(site.agency()).header("Content-Type", kind);
        let answer = call.header("Idempotency-Key", key).body(body).send().await.unwrap();
        let found = answer.status().as_u16();
        let told: Value = answer.json().await.unwrap();
        assert_eq!((found, &told["code"]), (status, &json!(code)), "{told}");
        // What is no JSON is named by its fault.
        wanted.push(told["errors"][0]["code"].as_str().unwrap_or(code).to_owned());
    }
    assert_eq!(codes(&mut site, "search_request.misshapen").await, wanted);
    // Who shows no token is nobody: no entry, whatever is sent.
    let stranger = http.post(&url).header("Content-Type", json).body("{").send().await.unwrap();
    assert_eq!(stranger.status().as_u16(), 401);
    let events = site.audit("misshapen").await;
    for event in events.iter().filter(|event| event["action"] == "search_request.misshapen") {
        assert_eq!(event["actor"]["ori"], AGENCY, "{event}");
    }
    assert_eq!(codes(&mut site, "search_request.misshapen").await.len(), wanted.len());
    let (_, metrics) = site.call(("GET", "../../metrics"), "", None).await;
    let counted = format!("leadbroker_submissions_total{{verdict=\"misshapen\"}} {}", wanted.len());
    assert!(metrics.as_str().unwrap().contains(&counted), "{metrics}");
    assert_eq!(site.number(STORED).await, 0);
    site.assert_sound("unreadable").await;
}

/// An agency at the tests' broker.
struct Sender {
    channel: Channel,
    receipts: Consumer,
    user: String,
    // It ends with its connection.
    _connection: Connection,
}

impl Sender {
    async fn new() -> Self {
        let address = service("LEADBROKER_TEST_AMQP_URL");
        let user = address.split("//").nth(1).unwrap().split(':').next().unwrap().to_owned();
        let connection =
            Connection::connect(&address, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let queue = "amq.rabbitmq.reply-to".into();
        let receipts =
            channel.basic_consume(queue, "receipts".into(), options, FieldTable::default());
        Self { receipts: receipts.await.unwrap(), channel, user, _connection: connection }
    }

    /// Publishes a form, and knows that the broker has it.
    async fn publish(&self, id: &str, correlation: &str, body: &[u8]) {
        let mut properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_user_id(self.user.as_str().into())
            .with_reply_to("amq.rabbitmq.reply-to".into())
            .with_correlation_id(correlation.into())
            .with_delivery_mode(2);
        if !id.is_empty() {
            properties = properties.with_message_id(id.into());
        }
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let (exchange, key) = (INTAKE.into(), INTAKE_KEY.into());
        let sent = self.channel.basic_publish(exchange, key, options, body, properties);
        let confirmed = sent.await.unwrap().await.unwrap();
        assert!(confirmed.take_message().is_none(), "no queue takes forms");
    }

    /// So many receipts, by what they refer to.
    async fn receipts(&mut self, count: usize) -> BTreeMap<String, Value> {
        let mut receipts = BTreeMap::new();
        for _ in 0..count {
            let next = timeout(Duration::from_mins(1), self.receipts.next()).await;
            let reply = next.unwrap().unwrap().unwrap();
            let refers = reply.properties.correlation_id().clone().unwrap().to_string();
            let receipt = serde_json::from_slice(&reply.data).unwrap();
            let before = receipts.insert(refers, receipt);
            assert!(before.is_none(), "one receipt for each message: {receipts:?}");
        }
        receipts
    }
}

/// The sender's forms are this agency's.
fn known_as(registry: &mut Registry, user: &str) {
    let entries = registry.agencies.iter_mut();
    let mut ours = entries.filter(|entry| entry.agency.ori.as_str() == AGENCY);
    ours.next().unwrap().agency.amqp_user = Some(user.to_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_every_form_over_amqp_gets_its_receipt_and_every_refusal_an_entry() {
    let mut site = Site::new(Setup::distributed());
    set(&site, "[limits]\nimage_mib = 1\nform_mib = 1");
    site.start(None).await;
    let mut sender = Sender::new().await;
    let user = sender.user.clone();
    site.registry(|registry| known_as(registry, &user)).await;

    // The same message, twice at once: its sender was not sure that the broker had it.
    let form = site.form().await;
    let body = form.to_string().into_bytes();
    for correlation in ["once", "twice", "three times"] {
        sender.publish("one-id", correlation, &body).await;
    }
    let receipts = sender.receipts(3).await;
    let request = receipts["once"]["request"].clone();
    assert!(request.is_string(), "{receipts:?}");
    for (correlation, receipt) in &receipts {
        assert_eq!(receipt["request"], request, "{correlation}: {receipt}");
        assert_ne!(receipt["state"], "rejected", "{correlation}: {receipt}");
        assert_eq!(receipt["errors"], json!([]), "{correlation}: {receipt}");
    }
    assert_eq!(site.number(STORED).await, 1);
    let (status, receipt) = site.send(&form).await;
    assert_eq!((status, &receipt["duplicate_of"]), (200, &request), "the same over HTTP");

    // What is larger than a form may be, what has no key, what is no form.
    sender.publish("large", "large", &vec![b' '; (1 << 20) + 1]).await;
    sender.publish("", "keyless", &body).await;
    sender.publish("two words", "bad key", &body).await;
    sender.publish("broken", "broken", b"{").await;
    let receipts = sender.receipts(4).await;
    let told = |correlation: &str| receipts[correlation]["errors"][0]["code"].as_str().unwrap();
    for (correlation, code) in
        [("large", "too_large"), ("keyless", "message_id"), ("bad key", "message_id")]
    {
        assert_eq!(told(correlation), code, "{receipts:?}");
    }
    let mut wanted: Vec<&str> = receipts.keys().map(|correlation| told(correlation)).collect();
    let mut found = codes(&mut site, "search_request.misshapen").await;
    found.sort();
    wanted.sort_unstable();
    assert_eq!(found, wanted);

    // A user that belongs to no agency reads nothing, and is on record.
    site.registry(|registry| known_as(registry, "somebody-else")).await;
    sender.publish("stranger", "stranger", &body).await;
    let mut patience = Patience::new();
    let mut refused = Vec::new();
    while patience.lasts().await && refused.is_empty() {
        refused = codes(&mut site, "search_request.sender_refused").await;
    }
    assert!(
        !refused.is_empty() && refused.iter().all(|code| code == "user_unknown"),
        "{refused:?}"
    );
    assert!(timeout(Duration::from_millis(500), sender.receipts.next()).await.is_err());
    assert_eq!(site.number(STORED).await, 1);
    site.assert_sound("forms over AMQP").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_what_the_broker_gave_up_is_counted() {
    let mut site = Site::serving(Setup::distributed()).await;
    let sender = Sender::new().await;
    let dead = format!("{}.dead", intake_queue());
    // As the broker itself does it.
    let (exchange, key) = (DEAD.into(), intake_queue().as_str().into());
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = BasicProperties::default();
    let sent = sender.channel.basic_publish(exchange, key, options, b"{}", properties).await;
    assert!(sent.unwrap().await.unwrap().take_message().is_none(), "there is no dead queue");
    let doctor = site.cli_json("", &["doctor"]);
    let checks = doctor["checks"].as_array().unwrap();
    let line = checks.iter().find(|line| line["check"] == "broker's dead queues").unwrap();
    assert_eq!(line["state"], "warn", "{line}");
    assert!(line["found"].as_str().unwrap().contains(&dead), "{line}");
    let gauge = format!("leadbroker_broker_dead_messages{{queue=\"{dead}\"}} ");
    let mut patience = Patience::new();
    let mut counted = 0.0;
    while patience.lasts().await && counted < 1.0 {
        let (_, metrics) = site.call(("GET", "../../metrics"), "", None).await;
        let mut lines = metrics.as_str().unwrap().lines();
        let number = lines.find_map(|line| line.strip_prefix(gauge.as_str()));
        counted = number.map_or(0.0, |number| number.parse().unwrap());
    }
    assert!(counted >= 1.0, "{counted}");
    let purged = sender.channel.queue_purge(dead.as_str().into(), QueuePurgeOptions::default());
    assert!(purged.await.unwrap() >= 1, "as the handbook says");
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_few_forms_are_taken_at_a_time() {
    let mut site = Site::new(Setup::distributed());
    let mut sender = Sender::new().await;
    // Nobody checks, so each form keeps its place for the 20 seconds that a receipt waits.
    site.serve_roles(Some("api,intake,relay")).await;
    let user = sender.user.clone();
    site.registry(|registry| known_as(registry, &user)).await;
    let most = i64::from(INTAKE_PREFETCH);
    let count = usize::from(INTAKE_PREFETCH) + 2;
    for n in 0..count {
        let form = site.form().await;
        sender.publish(&format!("id-{n}"), &format!("{n}"), form.to_string().as_bytes()).await;
    }
    let mut patience = Patience::new();
    while patience.lasts().await && site.number(STORED).await < most {}
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(site.number(STORED).await, most, "the others wait at the broker");
    site.serve_roles(None).await;
    let receipts = sender.receipts(count).await;
    assert!(receipts.values().all(|receipt| receipt["request"].is_string()), "{receipts:?}");
    assert_eq!(site.number(STORED).await, most + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_an_agencys_rate_counts_for_forms_over_amqp() {
    let mut site = Site::new(Setup::distributed());
    set(&site, "[limits]\nforms_per_second = 1");
    site.start(None).await;
    let mut sender = Sender::new().await;
    let user = sender.user.clone();
    site.registry(|registry| known_as(registry, &user)).await;
    for n in 0..4 {
        let form = site.form().await;
        sender.publish(&format!("id-{n}"), &format!("{n}"), form.to_string().as_bytes()).await;
    }
    let receipts = sender.receipts(4).await;
    assert!(receipts.values().all(|receipt| receipt["request"].is_string()), "{receipts:?}");
    let taken = "SELECT max(received_at) - min(received_at) FROM search_requests";
    assert!(site.number(taken).await >= 2_900_000, "one form a second, in micro-seconds");
}
