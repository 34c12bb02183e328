//! A bucket of an S3 service, and how it is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::Url;

use super::error::ArtifactError;
use super::s3_failure::{self, Asks, Meant};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two signs of life of a request; a large body may take as long as it needs.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const RETRIES: usize = 6;
const RETRY_FOR: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// A text that is never printed.
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

/// Where a bucket is and who asks.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    /// The bucket's name.
    pub bucket: String,
    /// What all keys begin with; may be empty.
    pub prefix: String,
    /// The service's URL; Amazon's own without.
    pub endpoint: Option<String>,
    /// Where the holders of signed URLs reach the service, if it is elsewhere.
    pub public_endpoint: Option<String>,
    /// The region that signatures name.
    pub region: String,
    /// The bucket's name stands in the host and not in the path. Amazon's own service always has it so.
    pub virtual_host: bool,
    /// The key pair; the machine's own role without.
    pub keys: Option<Keys>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: Secret,
    /// Of temporary keys.
    pub session_token: Option<Secret>,
}

impl S3Options {
    /// A client of the bucket.
    pub(super) fn client(&self) -> Result<AmazonS3, ArtifactError> {
        self.client_of(self.endpoint.as_deref())
    }

    /// A client that signs for the outside.
    pub(super) fn signer(&self) -> Result<AmazonS3, ArtifactError> {
        self.client_of(self.public_endpoint.as_deref().or(self.endpoint.as_deref()))
    }

    fn client_of(&self, endpoint: Option<&str>) -> Result<AmazonS3, ArtifactError> {
        // Without a provider the HTTP client cannot be made; somebody else may have set it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(endpoint.is_none() || self.virtual_host)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    max_backoff: LONGEST_PAUSE,
                    ..BackoffConfig::default()
                },
                max_retries: RETRIES,
                retry_timeout: RETRY_FOR,
            });
        let mut clear_text = false;
        if let Some(text) = endpoint {
            let mut url = self.parsed(text)?;
            clear_text = url.scheme() == "http";
            if self.virtual_host {
                let host = format!("{}.{}", self.bucket, url.host_str().unwrap_or_default());
                url.set_host(Some(&host)).map_err(|_| {
                    ArtifactError::Bucket(self.sentence(&format!("cannot be the host {host}")))
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
            .map_err(|error| self.explain(&error, Asks::ToStore))
    }

    /// What a failure means and what to do about it.
    pub(super) fn explain(&self, error: &object_store::Error, asks: Asks) -> ArtifactError {
        match s3_failure::meant(error, asks) {
            Meant::Refused(what) => ArtifactError::Refused(self.sentence(&what)),
            Meant::Failed(what) => ArtifactError::Bucket(self.sentence(&what)),
        }
    }

    /// A sentence about the bucket, which names it and its host.
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

    fn parsed(&self, text: &str) -> Result<Url, ArtifactError> {
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        });
        // The text itself may hold a password that somebody put there.
        url.ok_or_else(|| {
            let what = "has an endpoint that is no URL; write https://host or http://host:port";
            ArtifactError::Bucket(self.sentence(what))
        })
    }
}

/// One bucket, reached from inside and signed for the outside.
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
