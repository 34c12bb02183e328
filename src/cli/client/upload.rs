//! Uploads a file.

use std::collections::HashMap;
use std::path::Path;

use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use serde::Deserialize;
use serde_json::json;
use tokio_util::io::ReaderStream;
use url::Url;

use super::super::exit::Exit;
use super::{Client, checked, http, unreachable};
use crate::prune::digest::sha256_of;

/// A created upload.
#[derive(Deserialize)]
struct Created {
    id: String,
    put: Put,
}

/// The request that sends the content of an upload.
#[derive(Deserialize)]
struct Put {
    url: String,
    headers: HashMap<String, String>,
}

/// A completed upload.
#[derive(Deserialize)]
struct Completed {
    uri: String,
}

impl Client {
    /// Creates an upload, sends the content of the file and completes the upload. Returns its URI.
    pub(in super::super) async fn upload(&self, path: &Path) -> Result<String, Exit> {
        let broken = |error: std::io::Error| {
            Exit::Broken(format!("could not read {}: {error}", path.display()))
        };
        let bytes = std::fs::metadata(path).map_err(broken)?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let request = json!({
            "name": name,
            "bytes": bytes,
            "sha256": sha256_of(path).map_err(broken)?,
        });
        let created = self.http.post(self.url("/v1/uploads")).json(&request);
        let created: Created = self.answer(created).await?;
        let file = tokio::fs::File::open(path).await.map_err(broken)?;
        self.put(created.put, file, bytes).await?;
        let complete = format!("/v1/uploads/{}/complete", created.id);
        let completed: Completed = self.answer(self.http.post(self.url(&complete))).await?;
        Ok(completed.uri)
    }

    /// Sends the content to its signed URL, which may be at another host. The API key is not sent: the URL itself
    /// grants access, and S3 rejects a request with both.
    async fn put(&self, put: Put, file: tokio::fs::File, bytes: u64) -> Result<(), Exit> {
        let unexpected = || {
            Exit::Broken(format!(
                "unexpected response from {}: no valid request for the content of the upload",
                self.base
            ))
        };
        let url: Url = put.url.parse().map_err(|_| unexpected())?;
        let mut headers = HeaderMap::try_from(&put.headers).map_err(|_| unexpected())?;
        // S3 does not accept a body of unknown length.
        headers.insert(CONTENT_LENGTH, bytes.into());
        let host = url.origin().ascii_serialization();
        let body = reqwest::Body::wrap_stream(ReaderStream::new(file));
        let sent = http(HeaderMap::new())?.put(url).headers(headers);
        let response = sent.body(body).send().await;
        checked(response.map_err(|error| unreachable(&host, &error))?).await?;
        Ok(())
    }
}
