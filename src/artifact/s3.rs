//! Options and clients of a bucket of an S3 service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::Url;

use super::error::ArtifactError;
use super::s3_failure::{self, Diagnosis, Purpose};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time without progress of a request. The whole transfer of a large body has no limit.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const RETRIES: usize = 6;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_BACKOFF: Duration = Duration::from_secs(4);

/// A text whose `Debug` output is redacted, so that it never appears in logs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// Location of a bucket and the credentials for it.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    /// Name of the bucket.
    pub bucket: String,
    /// Prefix of all keys; may be empty.
    pub prefix: String,
    /// URL of the service. `None` means Amazon S3.
    pub endpoint: Option<String>,
    /// URL at which the holders of signed URLs reach the service, if it differs from `endpoint`.
    pub public_endpoint: Option<String>,
    /// Region that signatures name.
    pub region: String,
    /// Whether URLs have the bucket's name in the host instead of the path. Amazon S3 always uses such URLs.
    pub virtual_host: bool,
    /// Access keys. `None` means the role of this machine.
    pub keys: Option<Keys>,
}

/// Access keys of an S3 service.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Access key ID.
    pub id: String,
    /// Secret access key.
    pub secret: Secret,
    /// Session token of temporary keys.
    pub session_token: Option<Secret>,
}

impl S3Options {
    /// Creates a client of the bucket.
    pub(super) fn client(&self) -> Result<AmazonS3, ArtifactError> {
        self.client_of(self.endpoint.as_deref())
    }

    /// Creates a client that signs URLs for the public endpoint.
    pub(super) fn signer(&self) -> Result<AmazonS3, ArtifactError> {
        self.client_of(self.public_endpoint.as_deref().or(self.endpoint.as_deref()))
    }

    fn client_of(&self, endpoint: Option<&str>) -> Result<AmazonS3, ArtifactError> {
        // The HTTP client needs a crypto provider. An error means that one is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(endpoint.is_none() || self.virtual_host)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    max_backoff: MAX_BACKOFF,
                    ..BackoffConfig::default()
                },
                max_retries: RETRIES,
                retry_timeout: RETRY_TIMEOUT,
            });
        let mut clear_text = false;
        if let Some(text) = endpoint {
            let mut url = self.parse_endpoint(text)?;
            clear_text = url.scheme() == "http";
            if self.virtual_host {
                let host = format!("{}.{}", self.bucket, url.host_str().unwrap_or_default());
                url.set_host(Some(&host)).map_err(|_| {
                    let what = format!("has a name that is invalid in the host name {host}");
                    ArtifactError::Bucket(self.sentence(&what))
                })?;
            }
            builder = builder.with_endpoint(url.as_str().trim_end_matches('/'));
        }
        if let Some(keys) = &self.keys {
            builder = builder
                .with_access_key_id(&keys.id)
                .with_secret_access_key(&keys.secret.0);
            if let Some(token) = &keys.session_token {
                builder = builder.with_token(&token.0);
            }
        }
        let options = ClientOptions::new()
            .with_allow_http(clear_text)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout_disabled()
            .with_read_timeout(READ_TIMEOUT);
        builder
            .with_client_options(options)
            .build()
            .map_err(|error| self.explain(&error, Purpose::Store))
    }

    /// Converts a failure to an error that names the bucket and the remedy.
    pub(super) fn explain(&self, error: &object_store::Error, purpose: Purpose) -> ArtifactError {
        match s3_failure::diagnose(error, purpose) {
            Diagnosis::Refused(what) => ArtifactError::Refused(self.sentence(&what)),
            Diagnosis::Failed(what) => ArtifactError::Bucket(self.sentence(&what)),
        }
    }

    /// Returns a sentence that begins with the bucket and its host and ends with `what`.
    pub(super) fn sentence(&self, what: &str) -> String {
        let host = self.endpoint.as_deref().map_or_else(
            || format!("Amazon S3 ({})", self.region),
            |text| {
                let url = Url::parse(text).ok();
                let host = url.as_ref().and_then(Url::host_str);
                match (host, url.as_ref().and_then(Url::port)) {
                    (Some(host), Some(port)) => format!("{host}:{port}"),
                    (Some(host), None) => host.to_owned(),
                    (None, _) => "an unknown host".to_owned(),
                }
            },
        );
        format!("the bucket {} at {host} {what}", self.bucket)
    }

    fn parse_endpoint(&self, text: &str) -> Result<Url, ArtifactError> {
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        });
        // The error must not quote the text, because it may contain a password.
        url.ok_or_else(|| {
            let what =
                "has an invalid endpoint; write https://host or http://host:port, without a user name or password";
            ArtifactError::Bucket(self.sentence(what))
        })
    }
}

/// A bucket's options, with the client that signs URLs for the public endpoint.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) options: S3Options,
    pub(super) signer: AmazonS3,
}

impl Bucket {
    pub(super) fn open(options: S3Options) -> Result<(Arc<AmazonS3>, Arc<Self>), ArtifactError> {
        let client = Arc::new(options.client()?);
        let signer = options.signer()?;
        Ok((client, Arc::new(Self { options, signer })))
    }
}
