//! The workers of an installation with RabbitMQ.

use std::sync::Arc;

use tokio::sync::watch;

use super::{AppError, RoleOfProcess, STEPS, start_keepers};
use crate::broker::amqp::{
    AmqpConsumer, AmqpError, AmqpHealth, AmqpLink, AmqpPublisher, AmqpUrl, Subscription,
};
use crate::broker::topology::{MAX_BODY_BYTES, Topology, step_queue};
use crate::config::Config;
use crate::pipeline::Context;
use crate::shutdown::Shutdown;
use crate::worker::consume::Consumer;
use crate::worker::{announced, dead_queues, intake, relay};

/// The authorities to trust with `amqps`, PEM; `None`: the system's.
pub fn broker_authorities(config: &Config) -> Result<Option<String>, AppError> {
    let path = &config.messaging.ca_file;
    if path.is_empty() {
        return Ok(None);
    }
    let wrong = |message: String| AppError::Setting { key: "messaging.ca_file", message };
    let pem = std::fs::read_to_string(path).map_err(|error| {
        wrong(format!("names `{path}`, which cannot be read: {}", error.kind()))
    })?;
    match openssl::x509::X509::stack_from_pem(pem.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Ok(Some(pem)),
        _ => Err(wrong(format!("names `{path}`, which holds no certificate in PEM"))),
    }
}

/// How to reach the broker, and what must exist there.
async fn link(ctx: &Context, config: &Config, shutdown: &Shutdown) -> Result<AmqpLink, AppError> {
    let registry = ctx
        .registry()
        .await
        .map_err(|error| AppError::Setting { key: "database.url", message: error.to_string() })?;
    let url: AmqpUrl = config.messaging.url.expose().parse().map_err(|error: AmqpError| {
        AppError::Setting { key: "messaging.url", message: error.to_string() }
    })?;
    Ok(AmqpLink {
        url,
        authorities: broker_authorities(config)?,
        topology: Arc::new(Topology::new(
            registry.units.iter().map(|unit| unit.id.clone()).collect(),
        )),
        tracker: shutdown.tracker().clone(),
        cancel: shutdown.token(),
    })
}

/// Starts the workers of a distributed installation. Returns the health of the publishing connection.
pub async fn start_amqp(
    ctx: &Context,
    config: &Config,
    roles: &[RoleOfProcess],
    shutdown: &Shutdown,
) -> Result<watch::Receiver<AmqpHealth>, AppError> {
    let link = link(ctx, config, shutdown).await?;
    let prefetch = config.messaging.prefetch;
    for (role, step) in STEPS {
        if roles.contains(role) {
            let consumer = Consumer {
                ctx: ctx.clone(),
                step: *step,
                tracker: shutdown.tracker().clone(),
                stop: shutdown.token(),
            };
            let queue = step_queue(*step);
            let subscription = Subscription { queue, prefetch, max_body: MAX_BODY_BYTES };
            let amqp = AmqpConsumer::start(&link, subscription);
            shutdown.tracker().spawn(announced::run(consumer, amqp));
        }
    }
    let publisher = AmqpPublisher::start(&link);
    if roles.contains(&RoleOfProcess::Relay) {
        shutdown.tracker().spawn(relay::run(ctx.clone(), publisher.clone(), shutdown.token()));
    }
    if roles.contains(&RoleOfProcess::Intake) {
        let amqp = AmqpConsumer::start(&link, intake::subscription());
        let tracker = shutdown.tracker().clone();
        // Receipts travel on a connection of their own: a full relay must not delay them.
        let receipts = AmqpPublisher::start(&link);
        shutdown.tracker().spawn(intake::run(ctx.clone(), amqp, receipts, tracker));
    }
    if roles.contains(&RoleOfProcess::Api) {
        // The processes that serve metrics.
        shutdown.tracker().spawn(dead_queues::run(link.clone(), shutdown.token()));
    }
    start_keepers(ctx, config, roles, shutdown)?;
    Ok(publisher.health())
}
