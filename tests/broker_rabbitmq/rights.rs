//! What an agency's user may do at a broker that has loaded our definitions.

use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use leadbroker::broker::topology::{
    AGENCIES, BrokerUser, INTAKE, INTAKE_KEY, PasswordHash, Topology, WORK, agency_prefix,
    definitions,
};
use leadbroker::domain::Ori;
use leadbroker::id_source::{IdSource as _, SystemIds};

use super::{broker_address, from_services};

/// An agency that no other test knows, and a connection as its user.
async fn agency() -> (Ori, String, Connection) {
    let unique = SystemIds.id().simple().to_string().to_uppercase();
    let ori: Ori = format!("CA{}", unique.get(25..).unwrap()).parse().unwrap();
    let name = format!("sample-{ori}");
    let user = BrokerUser {
        name: name.clone(),
        password: PasswordHash::new("a sample password", [1, 2, 3, 4]),
        agency: Some(ori.clone()),
    };
    let all = definitions(&Topology::default(), &[user]);
    assert!(!all.to_string().contains("a sample password"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), all.to_string()).unwrap();
    let imported = std::process::Command::new(from_services("LEADBROKER_TEST_RABBITMQ"))
        .arg("import")
        .arg(file.path())
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let address = broker_address();
    let (_, rest) = address.rsplit_once('@').unwrap();
    let address = format!("amqp://{name}:a%20sample%20password@{rest}");
    let connection = Connection::connect(&address, ConnectionProperties::default()).await.unwrap();
    (ori, name, connection)
}

/// Publishes with a confirm on a channel of its own: a refusal closes the channel.
async fn publish(
    connection: &Connection,
    (exchange, key): (&str, &str),
    user_id: &str,
) -> Result<(), String> {
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let properties =
        BasicProperties::default().with_user_id(user_id.into()).with_expiration("1".into());
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let confirm = channel
        .basic_publish(exchange.into(), key.into(), options, b"{}", properties)
        .await
        .map_err(|error| error.to_string())?
        .await
        .map_err(|error| error.to_string())?;
    match confirm.take_message() {
        Some(_) => Err("returned".to_owned()),
        None => Ok(()),
    }
}

async fn declare_queue(connection: &Connection, queue: &str) -> Result<(), String> {
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { auto_delete: true, ..Default::default() };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
    declared.map(|_| ()).map_err(|error| error.to_string())
}

async fn bind(
    connection: &Connection,
    queue: &str,
    exchange: &str,
    key: &str,
) -> Result<(), String> {
    let channel = connection.create_channel().await.unwrap();
    let options = QueueBindOptions::default();
    let bound = channel.queue_bind(
        queue.into(),
        exchange.into(),
        key.into(),
        options,
        FieldTable::default(),
    );
    bound.await.map_err(|error| error.to_string())
}

async fn consume(connection: &Connection, queue: &str) -> Result<(), String> {
    let channel = connection.create_channel().await.unwrap();
    let options = BasicConsumeOptions::default();
    let consumed =
        channel.basic_consume(queue.into(), "sample".into(), options, FieldTable::default());
    consumed.await.map(|_| ()).map_err(|error| error.to_string())
}

fn refused(result: Result<(), String>, what: &str) {
    let reason = result.expect_err(what);
    assert!(reason.contains("ACCESS_REFUSED"), "{what}: {reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_sends_forms_under_its_own_name_only() {
    let (_, name, connection) = agency().await;
    publish(&connection, (INTAKE, INTAKE_KEY), &name).await.unwrap();
    refused(publish(&connection, (INTAKE, "other.v1"), &name).await, "another key");
    refused(publish(&connection, (WORK, "check"), &name).await, "a command");
    refused(publish(&connection, (AGENCIES, "CA0194200.accepted"), &name).await, "an event");
    refused(publish(&connection, ("", "leadbroker.check"), &name).await, "straight to a queue");
    let forged = publish(&connection, (INTAKE, INTAKE_KEY), "leadbroker").await.unwrap_err();
    assert!(forged.contains("PRECONDITION_FAILED"), "{forged}");
    connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_reads_its_own_events_only() {
    let (ori, _, connection) = agency().await;
    let own = format!("{}events", agency_prefix(&ori));
    declare_queue(&connection, &own).await.unwrap();
    bind(&connection, &own, AGENCIES, &format!("{ori}.#")).await.unwrap();
    for key in ["#", "*.accepted", "CA0194200.#", &format!("{ori}0.#")] {
        refused(bind(&connection, &own, AGENCIES, key).await, key);
    }
    refused(bind(&connection, &own, INTAKE, "#").await, "other agencies' forms");
    refused(bind(&connection, &own, WORK, "#").await, "commands");
    refused(
        declare_queue(&connection, "leadbroker.agency.CA0194200.events").await,
        "another's queue",
    );
    refused(consume(&connection, "leadbroker.check").await, "leadbroker's queue");
    consume(&connection, &own).await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
}
