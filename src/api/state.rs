//! State of the handlers.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::limits::Limits;
use super::problem::{Problem, ProblemCode};
use crate::artifact::health::Health;
use crate::artifact::incoming::UploadQuota;
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
use crate::job::webhook::secret::SecretKey;
use crate::telemetry::pulse::Pulses;

/// Shared by all handlers.
#[derive(Clone)]
pub struct AppState {
    /// Jobs.
    pub jobs: Arc<dyn JobStore>,
    /// Webhooks and deliveries.
    pub webhooks: Arc<dyn WebhookStore>,
    /// Key that seals the secrets of webhooks.
    pub webhook_secrets: Arc<SecretKey>,
    /// Addresses that webhooks may have.
    pub webhook_policy: Policy,
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Whether requests require an API key.
    pub keys_required: bool,
    /// Checks sources before a job is created.
    pub intake: Arc<dyn Intake>,
    /// Artifacts and uploads.
    pub artifacts: ArtifactStore,
    /// Key that signs URLs.
    pub signing: Arc<SigningKey>,
    /// Wakes the workers of this process when a job is created.
    pub wake: Arc<Notify>,
    /// Renders the metrics page.
    pub metrics: PrometheusHandle,
    /// URL at which clients reach the service, without a trailing slash.
    pub public_url: Arc<str>,
    /// Retention periods.
    pub retention: Retention,
    /// Limits of one caller.
    pub limits: Limits,
    /// Canceled when the service stops, which ends long polls and streams.
    pub stopping: CancellationToken,
    /// Limits of the jobs of one tenant.
    pub quota: Quota,
    /// Limits of the uploads of one tenant.
    pub upload_quota: UploadQuota,
    /// Health of the artifact store.
    pub health: Health,
    /// Liveness of the background tasks.
    pub pulses: Pulses,
    /// Features of this service.
    pub capabilities: Arc<Capabilities>,
}

/// Features of a service.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// Supported values of `model_type`.
    pub model_types: Vec<String>,
    /// Supported URI schemes of sources.
    pub uri_schemes: Vec<&'static str>,
    /// Devices of its workers.
    pub devices: Vec<Device>,
    /// Number of workers in this process.
    pub workers: usize,
}

impl Capabilities {
    /// Checks that a worker has the device. The job would never run otherwise.
    ///
    /// # Errors
    /// Returns 422 if no worker has it.
    pub(super) fn check_device(&self, device: Device) -> Result<(), Problem> {
        if self.devices.contains(&device) {
            return Ok(());
        }
        let known: Vec<_> = self.devices.iter().map(|device| device.as_str()).collect();
        Err(Problem::invalid_field(
            "/device",
            ProblemCode::ValidationFailed,
            format!(
                "no worker of this service has the device {}; the available devices are {}",
                device.as_str(),
                known.join(", ")
            ),
        ))
    }
}
