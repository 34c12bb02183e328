//! Downloads result files.

use std::io;
use std::path::Path;

use futures::StreamExt;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::super::exit::Exit;
use super::{Client, checked, unreachable};
use crate::file_name::{FileName, InvalidFileName};

/// A result file.
#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct Artifact {
    /// Name of the file. The server is not trusted, so [`Client::download`] checks it.
    pub(in super::super) name: String,
    /// Size in bytes.
    pub(in super::super) bytes: u64,
    sha256: String,
    href: String,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Artifact>,
}

impl Client {
    /// Lists the result files of a job.
    pub(in super::super) async fn artifacts(&self, id: &str) -> Result<Vec<Artifact>, Exit> {
        let path = format!("/v1/jobs/{id}/artifacts");
        let list: List = self.answer(self.http.get(self.url(&path))).await?;
        Ok(list.data)
    }

    /// Downloads a file through its signed URL into a folder, and verifies its checksum. The folders in its name are
    /// created. A file of the same name is replaced when the download is complete.
    pub(in super::super) async fn download(
        &self,
        artifact: &Artifact,
        folder: &Path,
    ) -> Result<(), Exit> {
        let name: FileName = artifact.name.parse().map_err(|error: InvalidFileName| {
            Exit::Broken(format!("unexpected response from {}: {error}", self.base))
        })?;
        create_folders(folder, &name).await?;
        let path = name.within(folder);
        // No result file has such a name.
        let partial = path.with_file_name(format!(".{}.part", name.last()));
        let received = self.receive(artifact, &partial).await;
        if received.is_err() {
            // The first error is reported, not a failure to remove the file.
            let _ = fs::remove_file(&partial).await;
        }
        received?;
        Ok(fs::rename(partial, path).await?)
    }

    async fn receive(&self, artifact: &Artifact, to: &Path) -> Result<(), Exit> {
        let sent = self.http.get(self.url(&artifact.href)).send().await;
        let mut body = checked(sent.map_err(|error| unreachable(&self.base, &error))?)
            .await?
            .bytes_stream();
        // An earlier download may have been interrupted.
        let _ = fs::remove_file(to).await;
        let mut file = File::create_new(to).await?;
        let mut digest = Sha256::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| unreachable(&self.base, &error))?;
            digest.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.sync_all().await?;
        match hex::encode(digest.finalize()) == artifact.sha256 {
            true => Ok(()),
            false => Err(Exit::Broken(format!(
                "checksum mismatch: the SHA-256 of {} is not the one that the server announced; download the file again",
                artifact.name
            ))),
        }
    }
}

/// Creates the folder of the result and the folders in a name. Links below the folder are refused, because they could
/// lead out of it.
async fn create_folders(folder: &Path, name: &FileName) -> Result<(), Exit> {
    fs::create_dir_all(folder).await?;
    for subfolder in name.folders() {
        let path = folder.join(subfolder);
        match fs::create_dir(&path).await {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        if !fs::symlink_metadata(&path).await?.is_dir() {
            return Err(Exit::Broken(format!(
                "{} is not a folder; remove it or choose another folder",
                path.display()
            )));
        }
    }
    Ok(())
}
