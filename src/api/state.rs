//! What handlers work with.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::limits::Limits;
use super::problem::{Problem, ProblemCode};
use crate::artifact::health::Health;
use crate::artifact::sign::SigningKey;
use crate::artifact::store::ArtifactStore;
use crate::job::intake::Intake;
use crate::job::queue::{Device, Quota};
use crate::job::retention::Retention;
use crate::job::store::JobStore;
use crate::job::store::audit::AuditLog;
use crate::job::store::keys::KeyStore;
use crate::job::store::webhooks::WebhookStore;
use crate::job::webhook::address::Policy;
use crate::telemetry::pulse::Pulses;

/// Handed to every handler.
#[derive(Clone)]
pub struct AppState {
    /// Where jobs live.
    pub jobs: Arc<dyn JobStore>,
    /// Who is told of jobs.
    pub webhooks: Arc<dyn WebhookStore>,
    /// Where webhooks may lead.
    pub webhook_policy: Policy,
    /// Where API keys live.
    pub keys: Arc<dyn KeyStore>,
    /// Where it is kept who did what.
    pub audit: Arc<dyn AuditLog>,
    /// Whether callers must show a key.
    pub keys_required: bool,
    /// Looks at sources before a job is accepted.
    pub intake: Arc<dyn Intake>,
    /// Where files live.
    pub artifacts: ArtifactStore,
    /// Signs download URLs.
    pub signing: Arc<SigningKey>,
    /// Tells workers in this process that a job came in.
    pub wake: Arc<Notify>,
    /// Renders the metrics page.
    pub metrics: PrometheusHandle,
    /// Where callers reach this service, without a slash at the end.
    pub public_url: Arc<str>,
    /// How long what has ended is kept.
    pub retention: Retention,
    /// How much of the service one caller may take.
    pub limits: Limits,
    /// Set when the service stops: long polls and streams end.
    pub stopping: CancellationToken,
    /// How much of the service one tenant may take.
    pub quota: Quota,
    /// Whether the artifact store can be used.
    pub health: Health,
    /// Whether the process's loops live.
    pub pulses: Pulses,
    /// What this service can do.
    pub capabilities: Arc<Capabilities>,
}

/// What this service can do, as its composition root knows it.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// Values of `model_type` that can be pruned.
    pub model_types: Vec<String>,
    /// Schemes of URIs that sources may have.
    pub uri_schemes: Vec<&'static str>,
    /// What its workers run on.
    pub devices: Vec<Device>,
    /// Workers in this process.
    pub workers: usize,
}

impl Capabilities {
    /// Refuses a device that no worker has: the job would wait for ever.
    pub(super) fn check_device(&self, device: Device) -> Result<(), Problem> {
        if self.devices.contains(&device) {
            return Ok(());
        }
        let known: Vec<_> = self.devices.iter().map(|device| device.as_str()).collect();
        Err(Problem::invalid_field(
            "/device",
            ProblemCode::ValidationFailed,
            format!(
                "no worker of this service runs on {}; it has workers for {}",
                device.as_str(),
                known.join(", ")
            ),
        ))
    }
}
