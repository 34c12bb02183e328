//! Creates signed URLs. Until it expires, a signed URL lets its holder read one file, or store one content. It grants
//! no other right.
//!
//! For a local store, the URLs point to this service and are signed with a
//! [`SigningKey`](super::sign::SigningKey). For a bucket, they are signed by SigV4 for the bucket's public endpoint, and
//! the bytes never pass through this service.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};

use super::error::ArtifactError;
use super::key::Key;
use super::manifest::StoredFile;
use super::store::{ArtifactStore, Backend};

/// Maximum lifetime of a signed URL: the limit of SigV4.
const MAX_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A signed URL to read one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrl {
    /// The URL. Anyone who has it can read the file.
    pub url: String,
    /// Time at which the URL expires, in Unix seconds.
    pub expires_at: i64,
}

/// A signed URL to store one content by `PUT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUpload {
    /// The URL.
    pub url: String,
    /// Headers that the request must send with exactly these values.
    pub headers: Vec<(String, String)>,
    /// Time at which the URL expires, in Unix seconds.
    pub expires_at: i64,
}

impl ArtifactStore {
    /// Returns a URL that serves a stored file as an attachment with its media type, and with the last part of its
    /// name: a browser has no folders to save it in.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the file's key is invalid or the store cannot sign URLs.
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
                let disposition = format!("attachment; filename=\"{}\"", file.name.last());
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

    /// Returns a URL that accepts a content of this size and this SHA-256 (hex) at the key.
    ///
    /// The URL of a bucket cannot enforce the size, and some S3 services do not check the digest. Callers must
    /// therefore check the object with [`holds`](Self::holds) before they use it.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the digest is not hexadecimal or the store cannot sign URLs.
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

/// Limits a lifetime to the maximum. Returns it with the time at which it ends, in Unix seconds.
fn clamped(lifetime: Duration) -> (Duration, i64) {
    let lifetime = lifetime.min(MAX_LIFETIME);
    let now = jiff::Timestamp::now().as_second();
    (lifetime, now + lifetime.as_secs() as i64)
}
