//! `leadbroker serve`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use strum::VariantArray as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::args::ServeArgs;
use super::{Output, exit};
use crate::app::{self, RoleOfProcess};
use crate::broker::amqp::AmqpHealth;
use crate::config::{Config, Transport};
use crate::pipeline::Context;
use crate::shutdown::Shutdown;
use crate::store::StoreError;
use crate::web::{AppState, HttpLimits};

/// Runs the command.
pub(super) async fn run(args: ServeArgs, output: &mut Output) -> anyhow::Result<u8> {
    let loaded = match crate::config::from_process(args.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(errors) => {
            for error in errors {
                output.error("config", &error.to_string());
            }
            return Ok(exit::CONFIG);
        }
    };
    let roles = match roles(&args.roles) {
        Ok(roles) => roles,
        Err(unknown) => {
            output.error(
                "role_unknown",
                &format!("there is no role `{unknown}`; see `leadbroker serve --help`"),
            );
            return Ok(exit::USAGE);
        }
    };
    crate::telemetry::start_logs(&loaded.config.log)?;
    operate(&loaded.config, &roles).await?;
    Ok(exit::OK)
}

/// Works until a signal, then finishes what was begun.
async fn operate(config: &Config, roles: &[RoleOfProcess]) -> anyhow::Result<()> {
    // Before the database is opened: a second instance must not touch it.
    let lock = alone(config)?;
    let ctx = app::context(config).await?;
    let shutdown = Shutdown::default();
    let place = take_place(&ctx, config, lock.is_some(), &shutdown).await?;
    shutdown.tracker().spawn(reread(ctx.clone(), config.clone(), hangups()?, shutdown.token()));
    let health = app::start(&ctx, config, roles, &shutdown).await?;
    if roles.contains(&RoleOfProcess::Api) {
        let listener = TcpListener::bind(&config.server.listen).await?;
        tracing::info!(listen = config.server.listen, "serving");
        serve(&ctx, config, (listener, health), &shutdown).await;
    } else {
        shutdown.signalled().await;
    }
    let within = Duration::from_secs(config.server.shutdown_seconds.into());
    if !shutdown.drain(within).await {
        tracing::warn!(
            "some work was still under way; its claims run out and it is done after the next start"
        );
    }
    let left = match place {
        Some(place) => place.leave(&ctx).await,
        None => Ok(()),
    };
    ctx.store.close().await;
    left
}

/// Where SIGHUP arrives, from now on: before, it would end the program.
fn hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("listen for SIGHUP")
}

/// Reads `policy.directory` again at each SIGHUP. A bad folder changes nothing.
async fn reread(ctx: Context, config: Config, mut hangups: Signal, stop: CancellationToken) {
    loop {
        tokio::select! {
            _ = hangups.recv() => {}
            () = stop.cancelled() => return,
        }
        if config.policy.directory.is_empty() {
            tracing::info!("SIGHUP: `policy.directory` is not set, so there is nothing to read");
            continue;
        }
        let (config, clock) = (config.clone(), Arc::clone(&ctx.clock));
        let read = tokio::task::spawn_blocking(move || app::policies(&config, clock.as_ref()));
        let Ok(read) = read.await else {
            tracing::error!("SIGHUP: the reader of the policy packs stopped");
            continue;
        };
        ctx.policies.reread(read.map_err(|error| vec![error.to_string()]));
    }
}

/// The one embedded instance: it ends the claims of the one before it. Without a file to lock (PostgreSQL) a row with a
/// heartbeat keeps the place.
async fn take_place(
    ctx: &Context,
    config: &Config,
    locked: bool,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<Place>> {
    if config.messaging.transport != Transport::Embedded {
        return Ok(None);
    }
    let owner = format!("{}-{}", std::process::id(), ctx.ids.id().simple());
    let mut place = None;
    if !locked {
        ctx.store.take_instance(&owner, ctx.now()).await?;
        let kept = place.insert(Place { owner, lost: Arc::default() });
        shutdown.tracker().spawn(kept.clone().keep(ctx.clone(), shutdown.token()));
    }
    let released = ctx.store.release_claims(ctx.now()).await?;
    if released > 0 {
        tracing::info!(deliveries = released, "took over from an instance that is gone");
    }
    Ok(place)
}

/// Between two heartbeats.
const BEAT: Duration = Duration::from_secs(5);

/// The place of the one embedded instance.
#[derive(Debug, Clone)]
struct Place {
    owner: String,
    /// Another instance has it.
    lost: Arc<AtomicBool>,
}

impl Place {
    /// Keeps it. A database that is away takes nothing from anybody: only another owner ends this instance.
    async fn keep(self, ctx: Context, stop: CancellationToken) {
        let mut pause = BEAT;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            pause = match ctx.store.take_instance(&self.owner, ctx.now()).await {
                Ok(()) => BEAT,
                Err(error @ StoreError::InUse(_)) => {
                    tracing::error!(%error, "the place of the one embedded instance is lost; stopping");
                    self.lost.store(true, Ordering::Relaxed);
                    return stop.cancel();
                }
                // The first to come back has it. An outage is told once.
                Err(error) => {
                    if pause == BEAT {
                        tracing::warn!(%error, "failed to keep the place of the one embedded instance");
                    }
                    Duration::from_millis(500)
                }
            };
        }
    }

    async fn leave(&self, ctx: &Context) -> anyhow::Result<()> {
        if self.lost.load(Ordering::Relaxed) {
            anyhow::bail!("another instance works on this database; stop one of them");
        }
        if let Err(error) = ctx.store.leave_instance(&self.owner).await {
            tracing::warn!(%error, "failed to give the place back; it is free in 15 seconds");
        }
        Ok(())
    }
}

/// Locks the file beside an embedded database. The system gives the lock back when a process dies, however it dies, so
/// the next one starts at once; a second one at the same time is refused.
fn alone(config: &Config) -> anyhow::Result<Option<std::fs::File>> {
    let url = config.database.url.expose();
    let Some(path) = url.strip_prefix("sqlite:") else { return Ok(None) };
    if config.messaging.transport != Transport::Embedded {
        return Ok(None);
    }
    let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
    let file = std::fs::File::create(format!("{path}.lock")).map_err(|error| {
        anyhow::anyhow!("make the lock file beside the database: {}", error.kind())
    })?;
    file.try_lock().map_err(|_| {
        anyhow::anyhow!("start: another instance works on this database; stop it first")
    })?;
    Ok(Some(file))
}

fn roles(named: &[String]) -> Result<Vec<RoleOfProcess>, String> {
    if named.is_empty() || named.iter().any(|name| name == "all") {
        return Ok(RoleOfProcess::VARIANTS.to_vec());
    }
    named.iter().map(|name| name.parse().map_err(|_| name.clone())).collect()
}

/// Serves the API until a signal.
pub(super) async fn serve(
    ctx: &Context,
    config: &Config,
    (listener, health): (TcpListener, Option<watch::Receiver<AmqpHealth>>),
    shutdown: &Shutdown,
) {
    let handle = crate::telemetry::start_metrics().ok();
    let form_bytes = usize::try_from(ctx.rules.form.form_bytes).unwrap_or(usize::MAX);
    let state = AppState {
        ctx: ctx.clone(),
        tracker: shutdown.tracker().clone(),
        metrics: Arc::new(move || {
            handle
                .as_ref()
                .map(metrics_exporter_prometheus::PrometheusHandle::render)
                .unwrap_or_default()
        }),
        limits: HttpLimits {
            form_bytes,
            forms_per_second: config.limits.forms_per_second,
            max_connections: usize::try_from(config.server.max_connections).unwrap_or(usize::MAX),
        },
        broker_health: health.map(|health| connected(health, shutdown)),
        audit_origin: config.audit.origin.clone(),
    };
    let stop = shutdown.token();
    let server = shutdown.tracker().spawn(crate::web::serve(listener, state, stop.clone()));
    tokio::select! {
        () = shutdown.signalled() => stop.cancel(),
        _ = server => {}
    }
}

/// Whether the broker is connected and takes messages, followed for as long as the process lives.
fn connected(
    mut health: watch::Receiver<AmqpHealth>,
    shutdown: &Shutdown,
) -> watch::Receiver<bool> {
    let takes = |health: &AmqpHealth| health.connected && !health.blocked;
    let (sender, receiver) = watch::channel(takes(&health.borrow()));
    let stop = shutdown.token();
    shutdown.tracker().spawn(async move {
        loop {
            tokio::select! {
                changed = health.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let _ = sender.send(takes(&health.borrow_and_update()));
                }
                () = stop.cancelled() => return,
            }
        }
    });
    receiver
}
