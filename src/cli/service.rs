//! Starts and stops the whole service in one process: stores, workers, sweeper, webhook courier and HTTP server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::child;
use super::crew::{Crew, Signals};
use super::exit::Exit;
use super::open_files::within_open_files;
use super::stores::{Database, open_artifacts};
use crate::api::{AppState, Capabilities, bind, router, serve};
use crate::artifact::health::Health;
use crate::artifact::key_file::{self, KEY_BYTES};
use crate::artifact::sign::SigningKey;
use crate::config::device::DeviceFlag;
use crate::config::limits::LimitFlags;
use crate::config::retention::RetentionFlags;
use crate::config::server::ServerFlags;
use crate::config::source::SourceFlags;
use crate::config::storage::StorageFlags;
use crate::config::worker::{self, WorkerFlags};
use crate::dashboard::{Sessions, with_pages};
use crate::job::store::audit::AuditLog;
use crate::job::store::keys::KeyStore;
use crate::job::store::webhooks::WebhookStore;
use crate::job::webhook::sealing::seal_secrets;
use crate::job::webhook::secret::SecretKey;
use crate::model::registry::ARCHITECTURES;
use crate::telemetry::metric;
use crate::worker::courier::{self, Courier};
use crate::worker::intake::LocalIntake;
use crate::worker::pruner::Pruner;
use crate::worker::sweeper;

/// Interval between polls of the webhook outbox.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// Time without a sign of life after which the sweeper or the courier counts as stalled. It is long because a
/// sweep of a full bucket is slow.
const STALL_TIMEOUT: Duration = Duration::from_secs(1_800);
/// Time for requests in progress to end when the service stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Flags of a service.
#[derive(Args)]
pub(super) struct ServiceFlags {
    #[command(flatten)]
    pub(super) server: ServerFlags,
    #[command(flatten)]
    pub(super) storage: StorageFlags,
    #[command(flatten)]
    pub(super) source: SourceFlags,
    /// Number of workers in this process (0 to 64); each runs one job at a time and uses all cores
    #[arg(long, env = "OPTIN_WORKERS", value_name = "COUNT", help_heading = worker::HEADING, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub(super) workers: u16,
    #[command(flatten)]
    pub(super) worker: WorkerFlags,
    #[command(flatten)]
    pub(super) limits: LimitFlags,
    #[command(flatten)]
    pub(super) retention: RetentionFlags,
}

/// A running service.
pub(super) struct Service {
    /// URL that the service listens on.
    pub(super) url: String,
    stop: CancellationToken,
    server: JoinHandle<()>,
    crew: Crew,
    sweeper: JoinHandle<()>,
    courier: JoinHandle<()>,
}

impl Service {
    /// Starts all parts of the service.
    pub(super) async fn start(flags: &ServiceFlags) -> Result<Self, Exit> {
        let ServiceFlags {
            server,
            storage,
            source,
            workers,
            worker,
            limits,
            retention,
        } = flags;
        let keys_required = server.keys_required().map_err(Exit::Usage)?;
        storage.create_data_dir()?;
        let broken = |error: &dyn std::fmt::Display| Exit::Broken(error.to_string());
        let database = Database::open(
            &storage.database,
            "stop that process first, or use PostgreSQL for several processes (--database-url postgres://user:password@host/database)",
        );
        let database = database.await?;
        let (store, jobs) = (database.store(), database.jobs());
        let webhooks: Arc<dyn WebhookStore> = Arc::clone(&store) as Arc<dyn WebhookStore>;
        let artifacts = open_artifacts(storage).await?;
        let health = Health::new(artifacts.clone());
        let signals = Signals::default();
        let Signals { wake, pulses, stop } = &signals;
        let signing = Arc::new(SigningKey::load_or_create(&storage.signing_key())?);
        let secret = open_secret(&server.secrets_key(storage.data_dir()))?;
        let secrets = seal_webhooks(&secret, &webhooks).await?;
        let sources = source.open(storage, &artifacts).map_err(Exit::Usage)?;
        let pruner: Arc<dyn Pruner> = Arc::new(child::isolated(DeviceFlag::Cpu, worker, &sources)?);
        let listener = bind(server.listen).map_err(|error| {
            Exit::Broken(format!("could not listen on {}: {error}", server.listen))
        })?;
        let url = format!("http://{}", listener.local_addr()?);
        let public_url = server.public_url.clone().unwrap_or_else(|| url.clone());
        let sessions = Sessions::new(&secret, &public_url);
        let state = AppState {
            jobs: Arc::clone(&jobs),
            webhooks: Arc::clone(&webhooks),
            webhook_secrets: Arc::clone(&secrets),
            webhook_policy: server.webhook_policy(),
            keys: Arc::clone(&store) as Arc<dyn KeyStore>,
            audit: Arc::clone(&store) as Arc<dyn AuditLog>,
            keys_required,
            intake: Arc::new(LocalIntake::new(sources.clone(), Arc::clone(&pruner))),
            artifacts: artifacts
                .clone()
                .with_urls(Arc::clone(&signing), &public_url),
            signing,
            wake: Arc::clone(wake),
            metrics: metric::start().map_err(|error| broken(&error))?,
            public_url: public_url.trim_end_matches('/').into(),
            retention: retention.retention(),
            limits: limits.limits(server.client_address()),
            stopping: stop.clone(),
            quota: limits.quota(),
            upload_quota: limits.upload_quota(),
            health: health.clone(),
            pulses: pulses.clone(),
            capabilities: Arc::new(Capabilities {
                model_types: ARCHITECTURES
                    .iter()
                    .flat_map(|known| known.model_types)
                    .map(|&name| name.to_owned())
                    .collect(),
                uri_schemes: sources.schemes().map(Into::into).collect(),
                devices: server.devices(*workers, worker.device),
                workers: usize::from(*workers),
            }),
        };
        let crew = (*workers, worker);
        let crew = Crew::start(&database, &health, &sources, storage, crew, &signals)?;
        let options = sweeper::Options {
            every: SWEEP_INTERVAL,
            retention: retention.retention(),
            upload_retention: retention.retain_uploads,
            journal_retention: retention.retain_stage_cache,
        };
        let courier = courier::Options {
            poll: POLL_INTERVAL,
            policy: server.webhook_policy(),
        };
        let courier = Courier::new(webhooks, secrets, courier).map_err(|error| broken(&error))?;
        let stopped = stop.clone();
        let pulse = pulses.watch("webhook courier", STALL_TIMEOUT);
        let courier = tokio::spawn(async move { courier.run(&pulse, stopped).await });
        let pulse = pulses.watch("sweeper", STALL_TIMEOUT);
        let sweeper = sweeper::sweep(store, health, options, pulse, stop.clone());
        let sweeper = tokio::spawn(sweeper);
        let server = tokio::spawn(serve(
            listener,
            with_pages(router(state), sessions),
            within_open_files(limits.connections(server.client_address())),
            stop.clone(),
        ));
        tracing::info!(%url, "listening");
        Ok(Self {
            url,
            stop: signals.stop,
            server,
            crew,
            sweeper,
            courier,
        })
    }

    /// Stops all parts of the service. Running jobs are requeued. Requests in progress have a limited time to end.
    pub(super) async fn stop(self) -> Result<(), Exit> {
        self.stop.cancel();
        self.crew.stopped().await?;
        self.sweeper.abort();
        // A delivery in progress may end; an undecided one is due again later.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, self.courier).await;
        // Event streams end by themselves. A download lasts as long as its client reads, so its time is limited.
        let server = self.server.abort_handle();
        match tokio::time::timeout(DRAIN_TIMEOUT, self.server).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Exit::Broken(error.to_string())),
            Err(_) => {
                server.abort();
                Ok(())
            }
        }
    }
}

/// Opens the key that encrypts the webhook secrets and the sessions of the dashboard.
fn open_secret(path: &Path) -> Result<[u8; KEY_BYTES], Exit> {
    if !path.exists() {
        let path = path.display();
        tracing::warn!(%path, "creating the key of the webhook secrets and of the sessions; keep a copy, and give it to all services that share the database");
    }
    Ok(key_file::load_or_create(path)?)
}

/// Prepares the webhook secrets in the database for the key.
async fn seal_webhooks(
    secret: &[u8; KEY_BYTES],
    webhooks: &Arc<dyn WebhookStore>,
) -> Result<Arc<SecretKey>, Exit> {
    let secrets = SecretKey::from_bytes(secret);
    let sealed = seal_secrets(webhooks.as_ref(), &secrets).await;
    sealed.map_err(|error| Exit::Broken(error.to_string()))?;
    Ok(Arc::new(secrets))
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}
