//! `optin download`: results with folders, and servers that are not trusted.

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use super::process::{optin, run, text};

const CONTENT: &str = "content";

/// An entry of the list of artifacts, with the digest of [`CONTENT`].
fn artifact(name: &str) -> Value {
    let sha256 = hex::encode(Sha256::digest(CONTENT));
    json!({"name": name, "bytes": CONTENT.len(), "sha256": sha256, "media_type": "text/plain", "href": "/content"})
}

/// Downloads the artifacts that a server lists.
fn download(artifacts: Value, out: &Path) -> Output {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let list = json!({"object": "list", "data": artifacts});
    let router = Router::new()
        .route("/v1/jobs/{id}/artifacts", get(async || Json(list)))
        .route("/content", get(async || CONTENT));
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(optin::api::serve(
        listener,
        router,
        optin::api::Connections {
            most: 8,
            most_per_address: 8,
            head: std::time::Duration::from_secs(10),
            patience: optin::artifact::progress::Patience::DEFAULT,
        },
        tokio_util::sync::CancellationToken::new(),
    ));
    run(optin()
        .args(["download", "job", "--server", &url, "--out"])
        .arg(out))
}

#[test]
fn folders_are_created_and_files_are_replaced() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("new/out");
    let names = ["config.json", "onnx/model.onnx", "1/a/b.bin"];
    let listed = json!(names.map(artifact));
    for _ in 0..2 {
        let ended = download(listed.clone(), &out);
        assert!(ended.status.success(), "{}", text(&ended.stderr));
        for name in names {
            assert_eq!(std::fs::read_to_string(out.join(name)).unwrap(), CONTENT);
            std::fs::write(out.join(name), "old").unwrap();
        }
        assert_eq!(out.join("onnx").read_dir().unwrap().count(), 1);
    }
}

#[test]
fn nothing_is_written_outside_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let outside = root.path().join("outside");
    let absolute = outside.join("file").display().to_string();
    for name in [
        "../outside/file",
        "a/../../outside/file",
        &absolute,
        "..",
        "",
    ] {
        let ended = download(json!([artifact(name)]), &out);
        assert_eq!(ended.status.code(), Some(1), "{name}");
        let output = text(&ended.stderr);
        assert!(output.contains("not a valid file name"), "{output}");
        assert!(!outside.exists(), "{name}");
    }
    // A link in the folder is not followed.
    std::fs::create_dir_all(&out).unwrap();
    std::fs::create_dir(&outside).unwrap();
    symlink(&outside, out.join("onnx")).unwrap();
    let ended = download(json!([artifact("onnx/file")]), &out);
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("is not a folder"));
    std::fs::write(outside.join("file"), "kept").unwrap();
    symlink(outside.join("file"), out.join("file")).unwrap();
    assert!(download(json!([artifact("file")]), &out).status.success());
    assert_eq!(std::fs::read_to_string(out.join("file")).unwrap(), CONTENT);
    assert_eq!(
        std::fs::read_to_string(outside.join("file")).unwrap(),
        "kept"
    );
}

#[test]
fn a_file_with_another_checksum_is_not_kept() {
    let root = tempfile::tempdir().unwrap();
    let mut wrong = artifact("onnx/model.onnx");
    wrong["sha256"] = json!("00");
    let ended = download(json!([wrong]), root.path());
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("checksum mismatch"));
    assert_eq!(root.path().join("onnx").read_dir().unwrap().count(), 0);
}
