//! Uploads of files to a service.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::process::Client;

/// Archives a folder in this folder as a tar file in `to`, and returns its path.
pub fn archive(within: &Path, folder: &str, to: &Path) -> std::path::PathBuf {
    let path = to.join(format!("{folder}.tar"));
    let status = Command::new("tar")
        .arg("-cf")
        .arg(&path)
        .arg("-C")
        .arg(within)
        .arg(folder)
        .status();
    assert!(status.unwrap().success());
    path
}

/// Creates an upload for a file, without its content.
pub fn create_upload(client: &Client, url: &str, path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap();
    let body = json!({
        "name": path.file_name().unwrap().to_str().unwrap(),
        "bytes": bytes.len(),
        "sha256": optin::prune::digest::sha256_of(path).unwrap(),
    });
    let (status, upload) = client.post(&format!("{url}/v1/uploads"), &body);
    assert_eq!(status, 201, "{upload}");
    upload
}

pub fn complete(client: &Client, url: &str, upload: &Value) -> (u16, Value) {
    let id = upload["id"].as_str().unwrap();
    client.post(&format!("{url}/v1/uploads/{id}/complete"), &json!({}))
}

/// Uploads a file and returns its URI.
pub fn upload_file(client: &Client, url: &str, path: &Path) -> String {
    let upload = create_upload(client, url, path);
    let (status, problem) = complete(client, url, &upload);
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("conflict")),
        "{problem}"
    );
    let content = std::fs::read(path).unwrap();
    assert!(matches!(client.put(&upload["put"], content), 200 | 204));
    let (status, ready) = complete(client, url, &upload);
    assert_eq!(
        (status, ready["state"].as_str()),
        (200, Some("ready")),
        "{ready}"
    );
    ready["uri"].as_str().unwrap().to_owned()
}
