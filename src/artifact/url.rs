//! URLs that let their holder read one file, or store one content, for a while and without any other right.
//!
//! A local store signs URLs of this service ([`SigningKey`]); a bucket's are signed by SigV4 for the
//! bucket's public endpoint, and the bytes never pass through this service.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};

use super::error::ArtifactError;
use super::key::Key;
use super::manifest::StoredFile;
use super::sign::SigningKey;
use super::store::{ArtifactStore, Backend};

/// SigV4 knows no longer lifetime.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How a local store's URLs are made.
#[derive(Clone)]
pub(super) struct LocalUrls {
    pub(super) signing: Arc<SigningKey>,
    /// Where callers reach this service, without a slash at the end.
    pub(super) base: Arc<str>,
}

/// A URL that reads one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrl {
    /// The URL; whoever has it may read the file.
    pub url: String,
    /// When it stops, in Unix seconds.
    pub expires_at: i64,
}

/// A URL that stores one content by `PUT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUpload {
    /// The URL.
    pub url: String,
    /// Headers that the request must have exactly so.
    pub headers: Vec<(String, String)>,
    /// When it stops, in Unix seconds.
    pub expires_at: i64,
}

impl ArtifactStore {
    /// A URL that gives a stored file, as an attachment of its name and media type.
    ///
    /// # Errors
    /// When the file's key is none of ours or the store cannot sign.
    pub async fn signed_url(
        &self,
        file: &StoredFile,
        media_type: &str,
        lifetime: Duration,
    ) -> Result<SignedUrl, ArtifactError> {
        let key = Key::parse(&file.key).map_err(|error| ArtifactError::Failed(Box::new(error)))?;
        let (lifetime, expires_at) = clamped(lifetime);
        let url = match &self.backend {
            Backend::Local { urls, .. } => {
                let urls = urls.as_ref().ok_or(ArtifactError::NoUrls)?;
                let signature = urls.signing.sign(&key, &file.sha256, expires_at);
                format!(
                    "{}/v1/blobs/{key}?sha256={}&expires={expires_at}&signature={signature}",
                    urls.base, file.sha256
                )
            }
            Backend::S3(bucket) => {
                let disposition = format!("attachment; filename=\"{}\"", file.name);
                let options = SignedUrlOptions::new().with_query([
                    ("response-content-disposition", disposition.as_str()),
                    ("response-content-type", media_type),
                ]);
                let signed = bucket
                    .signer
                    .signed_url_opts(Method::GET, &self.at(&key), lifetime, &options)
                    .await;
                signed.map_err(|error| self.failed(error))?.into()
            }
        };
        Ok(SignedUrl { url, expires_at })
    }

    /// A URL that takes so many bytes with this SHA-256 (hex) at the key. A bucket's URL cannot bind the size,
    /// and some services do not check the digest: whoever takes the object up asks [`holds`](Self::holds).
    ///
    /// # Errors
    /// When the digest is none or the store cannot sign.
    pub async fn signed_upload(
        &self,
        key: &Key,
        sha256: &str,
        bytes: u64,
        lifetime: Duration,
    ) -> Result<SignedUpload, ArtifactError> {
        let digest = hex::decode(sha256).map_err(|error| ArtifactError::Failed(Box::new(error)))?;
        let (lifetime, expires_at) = clamped(lifetime);
        let mut headers = Vec::new();
        let url = match &self.backend {
            Backend::Local { urls, .. } => {
                let urls = urls.as_ref().ok_or(ArtifactError::NoUrls)?;
                let signature = urls.signing.sign_upload(key, sha256, bytes, expires_at);
                format!(
                    "{}/v1/blobs/{key}?sha256={sha256}&bytes={bytes}&expires={expires_at}&signature={signature}",
                    urls.base
                )
            }
            Backend::S3(bucket) => {
                headers.push((
                    "x-amz-checksum-sha256".to_owned(),
                    BASE64_STANDARD.encode(digest),
                ));
                let mut options = SignedUrlOptions::new();
                for (name, value) in &headers {
                    if let (Ok(name), Ok(value)) =
                        (HeaderName::try_from(name), HeaderValue::try_from(value))
                    {
                        options = options.with_signed_header(name, value);
                    }
                }
                let signed = bucket
                    .signer
                    .signed_url_opts(Method::PUT, &self.at(key), lifetime, &options)
                    .await;
                signed.map_err(|error| self.failed(error))?.into()
            }
        };
        Ok(SignedUpload {
            url,
            headers,
            expires_at,
        })
    }
}

/// A lifetime that can be signed, and the moment of its end.
fn clamped(lifetime: Duration) -> (Duration, i64) {
    let lifetime = lifetime.min(LONGEST);
    let now = jiff::Timestamp::now().as_second();
    (lifetime, now + lifetime.as_secs() as i64)
}
