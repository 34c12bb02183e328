//! A bucket of an S3 service: how it is reached, and what its failures mean to an operator.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::Url;

use super::error::ArtifactError;

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
                url.set_host(Some(&host))
                    .map_err(|_| self.unusable(&format!("cannot be the host {host}")))?;
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
            .map_err(|error| self.explain(&error))
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
            self.unusable("has an endpoint that is no URL; write https://host or http://host:port")
        })
    }

    /// What a failure means and what to do about it, without the keys and without the service's own words:
    /// those may repeat parts of the signature.
    pub(super) fn explain(&self, error: &dyn std::error::Error) -> ArtifactError {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(current) = cause {
            text.push_str(": ");
            text.push_str(&current.to_string());
            cause = current.source();
        }
        let code = text
            .split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once("</Code>"))
            .map(|(code, _)| code);
        let what = match code {
            Some("InvalidAccessKeyId") => {
                "does not know the access key; check AWS_ACCESS_KEY_ID".to_owned()
            }
            Some("SignatureDoesNotMatch") => {
                "refuses the signature; check AWS_SECRET_ACCESS_KEY and AWS_REGION".to_owned()
            }
            Some("AccessDenied") => {
                "denies access; give the access key the rights to list, read, write and delete"
                    .to_owned()
            }
            Some("NoSuchBucket") => {
                "does not exist; make it, or correct the bucket's name in --storage-url".to_owned()
            }
            Some("RequestTimeTooSkewed") => {
                "says that this machine's clock is wrong; set the clock (NTP)".to_owned()
            }
            Some(code) => format!("failed with {code}"),
            None if text.contains("status code") => {
                let status = text.split("status code: ").nth(1).unwrap_or_default();
                format!(
                    "failed with status {}",
                    status.split(':').next().unwrap_or_default()
                )
            }
            None if text.contains("Connect")
                || text.contains("onnect")
                || text.contains("sending request") =>
            {
                "cannot be reached; check --s3-endpoint, the network, and whether the service runs"
                    .to_owned()
            }
            None => "failed; the service's answer was not understood".to_owned(),
        };
        self.unusable(&what)
    }

    fn unusable(&self, what: &str) -> ArtifactError {
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
        ArtifactError::Bucket(format!("the bucket {} at {host} {what}", self.bucket))
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
