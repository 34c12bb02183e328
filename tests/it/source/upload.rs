//! Uploads on the machine of a worker: they leave the cache when they are deleted.

use optin::artifact::incoming::{PART_BYTES, Upload, UploadId, UploadState};
use optin::artifact::store::ArtifactStore;
use optin::job::TenantId;
use optin::prune::digest::sha256_of;
use optin::prune::watch::Unwatched;
use optin::worker::source::cache::{Cache, Held};
use optin::worker::source::upload::Uploads;
use std::path::PathBuf;
use tempfile::TempDir;

struct Setup {
    folder: TempDir,
    artifacts: ArtifactStore,
    uploads: Uploads,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = ArtifactStore::local(&folder.path().join("artifacts")).unwrap();
        let cache = Cache::open(&folder.path().join("cache"), 1 << 20).unwrap();
        Self {
            uploads: Uploads::new(artifacts.clone(), cache),
            artifacts,
            folder,
        }
    }

    /// Creates an upload with content, and reads it into the cache.
    async fn cached(&self, tenant: &TenantId) -> (Upload, Held) {
        let path = self.folder.path().join("content");
        std::fs::write(&path, "text\nhello\n").unwrap();
        let upload = Upload {
            id: UploadId::fresh(),
            name: "train.tsv".into(),
            bytes: 11,
            sha256: sha256_of(&path).unwrap(),
            part_bytes: PART_BYTES,
            state: UploadState::Ready,
            created_at: 0,
        };
        let store = &self.artifacts;
        store.put_upload(tenant.as_str(), &upload).await.unwrap();
        let content = upload.key(tenant.as_str()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        store.put_bytes(&content, bytes.into()).await.unwrap();
        let held = self.uploads.entry(tenant, &upload, &Unwatched).await;
        (upload, held.unwrap())
    }

    /// Returns the paths in the cache that hold content.
    fn entries(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path().join("cache")).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        paths.filter(|path| path.is_dir()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_uploads_leave_the_cache_but_not_while_they_are_read() {
    let setup = Setup::new();
    let (own, other): (TenantId, TenantId) = (TenantId::only(), "team-2".parse().unwrap());
    let (kept, held) = setup.cached(&own).await;
    drop(held);
    let (deleted, held) = setup.cached(&other).await;
    let (in_use, reading) = setup.cached(&own).await;
    drop(held);
    assert_eq!(setup.entries().len(), 3);
    for (tenant, upload) in [(&other, &deleted), (&own, &in_use)] {
        let deleted = setup.artifacts.delete_upload(tenant.as_str(), upload.id);
        deleted.await.unwrap();
    }
    setup.uploads.purge().await.unwrap();
    assert!(reading.path().join("train.tsv").is_file());
    assert_eq!(setup.entries().len(), 2);
    drop(reading);
    assert_eq!(setup.entries().len(), 1);
    setup.uploads.purge().await.unwrap();
    assert_eq!(setup.entries().len(), 1);
    assert!(setup.uploads.ready(&own, kept.id).await.is_ok());
    let again = setup.uploads.entry(&own, &kept, &Unwatched).await;
    assert!(again.unwrap().path().join("train.tsv").is_file());
}
