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

/// Uploads a file in parts and returns its URI.
pub fn upload_in_parts(client: &Client, url: &str, path: &Path) -> String {
    let upload = create_upload(client, url, path);
    let parts = format!("{url}/v1/uploads/{}/parts", upload["id"].as_str().unwrap());
    let content = std::fs::read(path).unwrap();
    let found = client.get(&parts);
    let part_bytes = found["part_bytes"].as_u64().unwrap() as usize;
    for number in found["missing"].as_array().unwrap() {
        let at = (number.as_u64().unwrap() as usize - 1) * part_bytes;
        let part = &content[at..content.len().min(at + part_bytes)];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), part).unwrap();
        let sha256 = optin::prune::digest::sha256_of(file.path()).unwrap();
        let (status, asked) = client.post(&parts, &json!({"number": number, "sha256": sha256}));
        assert_eq!(status, 200, "{asked}");
        let mut wrong = part.to_vec();
        wrong.push(b'x');
        // Some S3 services store it, but a part of another size has not arrived.
        client.put(&asked["put"], wrong);
        assert_eq!(client.get(&parts)["missing"][0], *number);
        assert!(matches!(
            client.put(&asked["put"], part.to_vec()),
            200 | 204
        ));
    }
    assert_eq!(client.get(&parts)["missing"], json!([]));
    let (status, ready) = complete(client, url, &upload);
    assert_eq!(status, 200, "{ready}");
    ready["uri"].as_str().unwrap().to_owned()
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
