//! The S3 service dies while a file is sent, and comes back. In a server of its own: others need theirs.

use super::behaviours::{content, key, read, written};
use super::bucket::{no_open_uploads, options};
use optin::artifact::store::ArtifactStore;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A server that ends with its test.
struct Server(tempfile::TempDir);

fn service(command: &str, folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/rgw");
    let output = Command::new(script)
        .arg(command)
        .arg(folder.join("rgw"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        service("stop", self.0.path());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_through_a_crash_of_the_service_is_whole_or_leaves_nothing() {
    let server = Server(tempfile::tempdir().unwrap());
    let started = service("start", server.0.path());
    let mut options = options();
    options.endpoint = started
        .lines()
        .find_map(|line| line.strip_prefix("S3_ENDPOINT="))
        .map(str::to_owned);
    let store = ArtifactStore::s3(options.clone()).unwrap();
    let content = content(96 << 20);
    let (_folder, file) = written(&content);
    let task = {
        let (store, path) = (store.clone(), file.clone());
        tokio::spawn(async move { store.upload(&key(1, "a"), "a", &path).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!task.is_finished(), "the upload was over before the crash");
    service("crash", server.0.path());
    service("restart", server.0.path());
    let ended = tokio::time::timeout(Duration::from_secs(120), task)
        .await
        .unwrap()
        .unwrap();
    match ended {
        Ok(stored) => {
            assert_eq!(stored.bytes, content.len() as u64);
            assert!(read(&store, &key(1, "a"), None).await == content);
        }
        Err(_) => {
            no_open_uploads(&options).await;
            assert!(!store.exists(&key(1, "a")).await.unwrap());
        }
    }
    // What was begun before is no hindrance.
    let again = store.upload(&key(2, "a"), "a", &file).await.unwrap();
    assert_eq!(again.bytes, content.len() as u64);
}
