//! Uploads a file in parts. Parts that do not arrive are sent again.

use std::collections::HashMap;
use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use url::Url;

use super::super::exit::Exit;
use super::{Client, checked, http, unreachable};
use crate::prune::digest::sha256_of;

/// Pauses before a request is repeated.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// An upload.
#[derive(Deserialize)]
struct Upload {
    id: String,
    uri: String,
    bytes: u64,
    sha256: String,
}

/// The parts of an upload that have not arrived.
#[derive(Deserialize)]
struct Parts {
    part_bytes: u64,
    missing: Vec<u32>,
}

/// A part to send.
#[derive(Deserialize)]
struct Part {
    put: Put,
}

/// The request that sends a part.
#[derive(Deserialize)]
struct Put {
    url: String,
    headers: HashMap<String, String>,
}

impl Client {
    /// Creates an upload, or continues the one with the ID `resumed`. Sends the content of the file and completes the
    /// upload. Returns its URI.
    pub(in super::super) async fn upload(
        &self,
        path: &Path,
        resumed: Option<&str>,
    ) -> Result<String, Exit> {
        let broken = |error: std::io::Error| {
            Exit::Broken(format!("could not read {}: {error}", path.display()))
        };
        let bytes = std::fs::metadata(path).map_err(broken)?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let sha256 = sha256_of(path).map_err(broken)?;
        let request = match resumed {
            Some(id) => self.http.get(self.url(&format!("/v1/uploads/{id}"))),
            None => {
                let body = json!({"name": name, "bytes": bytes, "sha256": sha256});
                self.http.post(self.url("/v1/uploads")).json(&body)
            }
        };
        let upload: Upload = self.answer(request).await?;
        if (upload.bytes, &upload.sha256) != (bytes, &sha256) {
            return Err(Exit::Usage(format!(
                "{} is not the file of the upload {}: its size or SHA-256 differs",
                path.display(),
                upload.id
            )));
        }
        let mut file = File::open(path).await.map_err(broken)?;
        match self.send(&upload.id, &mut file).await {
            Ok(()) => Ok(upload.uri),
            Err(Undone { can_pass, exit }) if !can_pass => Err(exit),
            Err(Undone { exit, .. }) => Err(Exit::Broken(format!(
                "{exit}; to continue: optin upload {} --resume {}",
                path.display(),
                upload.id
            ))),
        }
    }

    /// Sends the parts that have not arrived, and completes the upload.
    async fn send(&self, id: &str, file: &mut File) -> Result<(), Undone> {
        let parts = self.url(&format!("/v1/uploads/{id}/parts"));
        let Parts {
            part_bytes,
            missing,
        } = self.answer(self.http.get(&parts)).await?;
        let complete = self.url(&format!("/v1/uploads/{id}/complete"));
        // Without the API key: a signed URL grants access itself, and S3 rejects a request with both.
        let http = http(HeaderMap::new())?;
        for number in missing {
            let offset = u64::from(number.saturating_sub(1)) * part_bytes;
            file.seek(SeekFrom::Start(offset)).await?;
            let mut content = Vec::new();
            file.take(part_bytes).read_to_end(&mut content).await?;
            let content = Bytes::from(content);
            repeated(async || self.send_part(&http, &parts, number, content.clone()).await).await?;
        }
        // The check of a large upload can take longer than one request may.
        repeated(async || {
            let sent = self.http.post(&complete).send().await;
            let sent = sent.map_err(|error| Undone::passing(unreachable(&self.base, &error)))?;
            accepted(sent).await.map(drop)
        })
        .await
    }

    async fn send_part(
        &self,
        http: &reqwest::Client,
        parts: &str,
        number: u32,
        content: Bytes,
    ) -> Result<(), Undone> {
        let body = json!({"number": number, "sha256": hex::encode(Sha256::digest(&content))});
        let asked = self.http.post(parts).json(&body).send().await;
        let asked = asked.map_err(|error| Undone::passing(unreachable(&self.base, &error)))?;
        let part: Part = self
            .read(accepted(asked).await?)
            .await
            .map_err(Undone::passing)?;
        // The URL may be at another host.
        let put = part.put;
        let unexpected = || Undone {
            can_pass: false,
            exit: Exit::Broken(format!(
                "unexpected response from {}: no valid request for a part of the upload",
                self.base
            )),
        };
        let url: Url = put.url.parse().map_err(|_| unexpected())?;
        let mut headers = HeaderMap::try_from(&put.headers).map_err(|_| unexpected())?;
        headers.insert(CONTENT_LENGTH, content.len().into());
        let host = url.origin().ascii_serialization();
        let sent = http.put(url).headers(headers).body(content).send().await;
        let sent = sent.map_err(|error| Undone::passing(unreachable(&host, &error)))?;
        accepted(sent).await.map(drop)
    }
}

/// Error for a request that was not carried out.
struct Undone {
    /// Whether the cause can pass, so that a repetition makes sense.
    can_pass: bool,
    exit: Exit,
}

impl From<Exit> for Undone {
    fn from(exit: Exit) -> Self {
        let can_pass = false;
        Self { can_pass, exit }
    }
}

impl From<std::io::Error> for Undone {
    fn from(error: std::io::Error) -> Self {
        Exit::from(error).into()
    }
}

impl Undone {
    fn passing(exit: Exit) -> Self {
        Self {
            can_pass: true,
            exit,
        }
    }
}

/// Repeats a request after pauses, until it is carried out or a repetition makes no sense.
async fn repeated(send: impl AsyncFn() -> Result<(), Undone>) -> Result<(), Undone> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let Err(undone) = send().await else {
            return Ok(());
        };
        match pauses.next() {
            Some(pause) if undone.can_pass => tokio::time::sleep(pause).await,
            _ => return Err(undone),
        }
    }
}

/// Returns the response if its status is a success.
async fn accepted(response: reqwest::Response) -> Result<reqwest::Response, Undone> {
    let status = response.status();
    let can_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
    let checked = checked(response).await;
    checked.map_err(|exit| Undone { can_pass, exit })
}
