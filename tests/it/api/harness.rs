//! An API router over real stores, with an intake whose result depends on the model URI.

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use optin::api::{AddressSource, AppState, Capabilities, Limits, router};
use optin::artifact::health::Health;
use optin::artifact::incoming::{Upload, UploadQuota};
use optin::artifact::key::Key;
use optin::artifact::manifest::Manifest;
use optin::artifact::sign::SigningKey;
use optin::artifact::store::ArtifactStore;
use optin::dashboard::{Sessions, with_pages};
use optin::job::TenantId;
use optin::job::intake::Intake;
use optin::job::retention::Retention;
use optin::job::store::audit::AuditLog;
use optin::job::store::keys::KeyStore;
use optin::job::store::sqlite::SqliteStore;
use optin::job::store::webhooks::WebhookStore;
use optin::job::store::{JobStore, Outcome};
use optin::job::webhook::address::Policy;
use optin::job::webhook::secret::SecretKey;
use optin::job::{JobId, Lease};
use optin::prune::admission::Inspection;
use optin::prune::failure::{Code, Failure};
use optin::prune::plan::Plan;
use optin::prune::recipe::{Mapping, Recipe, Source};
use optin::prune::report::CalibrationUse;
use optin::telemetry::metric;
use optin::telemetry::pulse::Pulses;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::fixture::job::{claimer, report};

/// An intake that accepts every recipe, except for some endings of the model URI:
///
/// - `missing`: the source is not found.
/// - `busy`: the source is unavailable and asks for a retry after 90 s.
/// - `slow`: the check takes 60 s.
/// - `panic`: the check panics.
struct ScriptedIntake;

#[async_trait]
impl Intake for ScriptedIntake {
    async fn check(&self, _: &TenantId, recipe: Recipe) -> Result<Recipe, Failure> {
        match recipe.model.uri.as_str() {
            uri if uri.ends_with("missing") => {
                Err(Failure::new(Code::SourceNotFound, "model not found"))
            }
            uri if uri.ends_with("busy") => {
                let busy = Failure::new(Code::SourceUnavailable, "the source is overloaded");
                Err(busy.again_after(Some(Duration::from_secs(90))))
            }
            uri if uri.ends_with("slow") => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(recipe)
            }
            uri if uri.ends_with("panic") => panic!("an internal secret"),
            _ => Ok(recipe),
        }
    }

    async fn admit(&self, _: &TenantId, _: &Upload) -> Result<(), Failure> {
        Ok(())
    }

    async fn estimate(&self, tenant: &TenantId, recipe: Recipe) -> Result<Plan, Failure> {
        self.check(tenant, recipe.clone()).await?;
        Ok(Plan {
            architecture: "bert".into(),
            size: report().size.before,
            metric: optin::prune::recipe::Metric::Flops,
            whole_cost: 100,
            target_cost: 60,
            reachable_cost: 5,
            groups: Vec::new(),
            calibration: CalibrationUse {
                rows: 1,
                scoring_rows: 1,
                positions: 3,
                mean_length: 3.0,
                gram_positions: 3,
            },
            calibration_columns: Mapping {
                text: Some("text".into()),
                ..Mapping::default()
            },
            evaluation_columns: None,
            scoring_macs: 1,
            scoring_ms: 1,
            peak_bytes: 1,
        })
    }

    /// Three rows whose content is hostile to pages and terminals.
    async fn inspect(
        &self,
        _: &TenantId,
        source: &Source,
        _: Mapping,
    ) -> Result<Inspection, Failure> {
        if source.uri.ends_with("missing") {
            return Err(Failure::new(Code::SourceNotFound, "data not found"));
        }
        let row = |text: &str| vec![Some(text.to_owned()), None];
        Ok(Inspection {
            rows: 68_221,
            columns: vec!["text".into(), "<b>label</b>".into()],
            column_count: 2,
            sample: vec![
                row("<script>alert(1)</script>"),
                row("\u{1b}[2J\u{202e}\u{7}bell"),
                row(&"\"&'".repeat(60)),
            ],
        })
    }
}

/// Options of the harness. The default requires no API keys.
pub struct Options {
    pub keys_required: bool,
    pub limits: Limits,
    pub retention: Retention,
    pub upload_quota: UploadQuota,
    pub stopping: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        let many = NonZeroU32::new(100_000).unwrap();
        Self {
            keys_required: false,
            limits: Limits {
                rate: many,
                burst: many,
                readers: 32,
                forwarded: 32,
                time: Duration::from_secs(30),
                addresses: AddressSource::Connection,
            },
            retention: Retention::default(),
            upload_quota: UploadQuota::default(),
            stopping: CancellationToken::new(),
        }
    }
}

/// Returns the state of an API over these stores that clients reach at a URL.
pub fn state(
    options: Options,
    jobs: &Arc<SqliteStore>,
    artifacts: &ArtifactStore,
    url: &str,
) -> AppState {
    let signing = Arc::new(SigningKey::from_bytes([1; 32]));
    AppState {
        jobs: Arc::clone(jobs) as Arc<dyn JobStore>,
        webhooks: Arc::clone(jobs) as Arc<dyn WebhookStore>,
        webhook_secrets: Arc::new(SecretKey::from_bytes(&[2; 32])),
        webhook_policy: Policy::default(),
        keys: Arc::clone(jobs) as Arc<dyn KeyStore>,
        audit: Arc::clone(jobs) as Arc<dyn AuditLog>,
        keys_required: options.keys_required,
        intake: Arc::new(ScriptedIntake),
        artifacts: artifacts.clone().with_urls(Arc::clone(&signing), url),
        signing,
        wake: Arc::new(Notify::new()),
        metrics: metric::start().unwrap(),
        public_url: url.into(),
        retention: options.retention,
        limits: options.limits,
        stopping: options.stopping,
        quota: optin::job::queue::Quota::default(),
        upload_quota: options.upload_quota,
        health: Health::new(artifacts.clone()),
        pulses: Pulses::default(),
        capabilities: Arc::new(Capabilities {
            devices: vec![optin::job::Device::Cpu],
            model_types: vec!["bert".into()],
            uri_schemes: vec!["file", "hf"],
            workers: 1,
        }),
    }
}

/// URL of the service.
pub const URL: &str = "https://optin.example";

/// The API router with the pages around it, and the stores that it uses.
pub struct Harness {
    pub folder: TempDir,
    pub jobs: Arc<SqliteStore>,
    pub artifacts: ArtifactStore,
    pub signing: Arc<SigningKey>,
    pub pulses: Pulses,
    router: Router,
}

/// A response with its whole body.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| {
            panic!(
                "the body is not JSON: {}",
                String::from_utf8_lossy(&self.bytes)
            )
        })
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("header {name} not found in {:?}", self.headers))
            .to_str()
            .unwrap()
    }

    /// Checks that the response is a well-formed problem with this status and code, and returns its body.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (
                self.status.as_u16(),
                body["code"].as_str().unwrap_or_default()
            ),
            (status, code),
            "{body}"
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], self.header("x-request-id"));
        assert!(
            body["title"].is_string() && body["detail"].as_str().unwrap().len() > 10,
            "{body}"
        );
        body
    }
}

impl Harness {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let jobs = Arc::new(
            SqliteStore::open(&folder.path().join("jobs.sqlite"))
                .await
                .unwrap(),
        );
        let artifacts = ArtifactStore::local(&folder.path().join("artifacts")).unwrap();
        let state = state(options, &jobs, &artifacts, URL);
        Self {
            folder,
            jobs,
            artifacts,
            signing: Arc::clone(&state.signing),
            pulses: state.pulses.clone(),
            router: with_pages(router(state), Sessions::new(&[2; 32], URL)),
        }
    }

    /// Returns the router, for tests that serve it over real connections.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "optin.example");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(body.into()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        Response {
            status: parts.status,
            headers: parts.headers,
            bytes: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(
            "POST",
            path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await
    }

    /// Creates a job and returns its id.
    pub async fn create_job(&self) -> JobId {
        let response = self.post("/v1/jobs", &request()).await;
        assert_eq!(response.status, 202, "{response:?}");
        response.json()["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn claim(&self) -> Lease {
        self.jobs
            .claim(&claimer("w", 60_000))
            .await
            .unwrap()
            .expect("a queued job exists")
            .1
    }

    /// Publishes one file and finishes the claimed job as succeeded.
    pub async fn succeed(&self, lease: &Lease, name: &str, content: &[u8]) {
        let path = self.folder.path().join("content");
        std::fs::write(&path, content).unwrap();
        let name = name.parse().unwrap();
        let key = Key::attempt_file(&lease.job.to_string(), lease.attempt, &name).unwrap();
        let stored = self.artifacts.upload(&key, &name, &path).await.unwrap();
        let outcome = Outcome::Succeeded {
            report: Box::new(report()),
            manifest: Manifest {
                files: vec![stored],
            },
        };
        self.jobs.finish(lease, outcome).await.unwrap();
    }
}

/// Returns a request body for a job with only the required fields.
pub fn request() -> Value {
    json!({
        "model": {"uri": "file:///models/a"},
        "calibration": {"uri": "file:///data/train.tsv"},
        "target": {"value": "60%"},
    })
}
