//! The floor: the same bytes over the same confirmed hops and commits, by a bare program with lapin and sqlx.
//!
//! A request is one image file that is synced to disk, and three steps: (1) a row with the form, and a message; (2) a
//! new state, and the next message; (3) a new state, and an announcement. Each step is one commit, each message one
//! confirmed publish; a delivery is acknowledged after the commit of its step. Nothing is checked, sealed, audited or
//! decided. `batch` is how many requests share a commit and a confirm round.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use super::installation::{Stack, new_database, service};

/// What one request weighs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    pub(crate) image: usize,
    pub(crate) form: usize,
}

/// A message between steps: ids only, as in the product.
const MESSAGE: usize = 300;

/// Moves `count` requests; the time it took.
pub(crate) async fn run(stack: Stack, weight: Weight, (count, batch): (usize, usize)) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let url = match stack {
        Stack::Embedded => format!("sqlite:{}?mode=rwc", folder.path().join("floor.db").display()),
        Stack::Distributed => new_database(),
    };
    sqlx::any::install_default_drivers();
    let mut setup = AnyConnection::connect(&url).await.unwrap();
    let schema: &[&'static str] = match stack {
        Stack::Embedded => &["PRAGMA journal_mode = WAL", CREATE_SQLITE],
        Stack::Distributed => &[CREATE_POSTGRES],
    };
    for sql in schema {
        sqlx::raw_sql(*sql).execute(&mut setup).await.unwrap();
    }
    let started = Instant::now();
    match stack {
        Stack::Embedded => embedded(&url, folder.path(), weight, (count, batch)).await,
        Stack::Distributed => distributed(&url, folder.path(), weight, (count, batch)).await,
    }
    started.elapsed()
}

const CREATE_SQLITE: &str =
    "CREATE TABLE requests (id BIGINT PRIMARY KEY, state BIGINT NOT NULL, form BLOB NOT NULL);
    CREATE TABLE messages (id TEXT PRIMARY KEY, body BLOB NOT NULL)";
const CREATE_POSTGRES: &str =
    "CREATE TABLE requests (id BIGINT PRIMARY KEY, state BIGINT NOT NULL, form BYTEA NOT NULL);
    CREATE TABLE messages (id TEXT PRIMARY KEY, body BYTEA NOT NULL)";

fn ids(from: usize, batch: usize, count: usize) -> Vec<usize> {
    (from..(from + batch).min(count)).collect()
}

/// One writer, one commit a step and batch: SQLite has no second one.
async fn embedded(url: &str, folder: &Path, weight: Weight, (count, batch): (usize, usize)) {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    sqlx::raw_sql("PRAGMA synchronous = FULL").execute(&mut connection).await.unwrap();
    for from in (0..count).step_by(batch) {
        let ids = ids(from, batch, count);
        files(folder, &ids, weight.image).await;
        for step in 1..=3 {
            commit(&mut connection, &ids, weight.form, step).await;
        }
    }
}

/// Steps 2 and 3 are consumers of their own, with their own connections, as workers are.
async fn distributed(url: &str, folder: &Path, weight: Weight, (count, batch): (usize, usize)) {
    let broker =
        Connection::connect(&service("LEADBROKER_TEST_AMQP_URL"), ConnectionProperties::default())
            .await
            .unwrap();
    let queues = ["floor.two", "floor.three", "floor.review"];
    let setup = broker.create_channel().await.unwrap();
    for queue in queues {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        setup.queue_declare(queue.into(), options, arguments).await.unwrap();
        setup.queue_purge(queue.into(), QueuePurgeOptions::default()).await.unwrap();
    }
    let two = tokio::spawn(step(
        url.to_owned(),
        ("floor.two", "floor.three"),
        (2, weight.form),
        (count, batch),
    ));
    let three = tokio::spawn(step(
        url.to_owned(),
        ("floor.three", "floor.review"),
        (3, weight.form),
        (count, batch),
    ));
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let publish = confirming(&broker).await;
    for from in (0..count).step_by(batch) {
        let ids = ids(from, batch, count);
        files(folder, &ids, weight.image).await;
        commit(&mut connection, &ids, weight.form, 1).await;
        hand_on(&publish, "floor.two", &ids).await;
    }
    two.await.unwrap();
    three.await.unwrap();
}

async fn step(
    url: String,
    (from, to): (&'static str, &'static str),
    (number, form): (i64, usize),
    (count, batch): (usize, usize),
) {
    let broker = || async {
        Connection::connect(&service("LEADBROKER_TEST_AMQP_URL"), ConnectionProperties::default())
            .await
            .unwrap()
    };
    let (consuming, publishing) = (broker().await, broker().await);
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    let publish = confirming(&publishing).await;
    let channel = consuming.create_channel().await.unwrap();
    let prefetch = u16::try_from(2 * batch).unwrap();
    channel.basic_qos(prefetch, BasicQosOptions::default()).await.unwrap();
    let consumer = channel.basic_consume(
        from.into(),
        from.into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let mut ready = consumer.await.unwrap().ready_chunks(batch);
    let mut done = 0;
    while done < count {
        let deliveries: Vec<_> =
            ready.next().await.unwrap().into_iter().map(Result::unwrap).collect();
        let ids: Vec<usize> = deliveries
            .iter()
            .map(|d| std::str::from_utf8(&d.data).unwrap().trim_end().parse().unwrap())
            .collect();
        commit(&mut connection, &ids, form, number).await;
        hand_on(&publish, to, &ids).await;
        let last = deliveries.last().unwrap();
        last.acker.ack(BasicAckOptions { multiple: true }).await.unwrap();
        done += ids.len();
    }
}

async fn confirming(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    channel
}

/// All at once, then every confirm.
async fn hand_on(channel: &Channel, queue: &str, ids: &[usize]) {
    let mut confirms = Vec::with_capacity(ids.len());
    for id in ids {
        let body = format!("{id:<MESSAGE$}");
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        confirms.push(
            channel
                .basic_publish("".into(), queue.into(), options, body.as_bytes(), persistent)
                .await
                .unwrap(),
        );
    }
    for confirm in confirms {
        assert!(confirm.await.unwrap().is_ack());
    }
}

/// The images of a batch, each synced, several at a time as the product's runtime does.
async fn files(folder: &Path, ids: &[usize], bytes: usize) {
    let writes = ids.iter().map(|id| {
        let path = folder.join(format!("{id}.image"));
        tokio::task::spawn_blocking(move || {
            use std::io::Write as _;
            let mut file = std::fs::File::create(path).unwrap();
            file.write_all(&vec![7; bytes]).unwrap();
            file.sync_all().unwrap();
        })
    });
    for write in futures_util::future::join_all(writes).await {
        write.unwrap();
    }
}

/// One step of a batch in one transaction: multi-row statements, as few as possible.
async fn commit(connection: &mut AnyConnection, ids: &[usize], form: usize, step: i64) {
    let mut transaction = connection.begin().await.unwrap();
    let places = |each: usize| {
        let row = |n: usize| {
            let places: Vec<String> = (1..=each).map(|k| format!("${}", n * each + k)).collect();
            format!("({})", places.join(","))
        };
        (0..ids.len()).map(row).collect::<Vec<_>>().join(",")
    };
    if step == 1 {
        let sql = format!("INSERT INTO requests (id, state, form) VALUES {}", places(3));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for id in ids {
            query = query.bind(i64::try_from(*id).unwrap()).bind(1_i64).bind(vec![7_u8; form]);
        }
        query.execute(&mut *transaction).await.unwrap();
    } else {
        let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let sql = format!("UPDATE requests SET state = {step} WHERE id IN ({})", list.join(","));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await.unwrap();
    }
    let sql = format!("INSERT INTO messages (id, body) VALUES {}", places(2));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for id in ids {
        query = query.bind(format!("{id}-{step}")).bind(vec![7_u8; MESSAGE]);
    }
    query.execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}
