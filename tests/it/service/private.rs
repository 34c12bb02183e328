//! The files of a service are readable by its own user only.

use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::kill::folder;
use super::process::{Client, Server, optin, run, text};
use super::upload::{archive, upload_file};

/// Returns the paths below a folder, and the folder itself.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(below(&path)),
            false => found.push(path),
        }
    }
    found
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn other_users_cannot_read_the_files_of_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("parent/data");
    let train = folder.path().join("train.tsv");
    std::fs::write(&train, "sentence\nhello\n").unwrap();
    let client = Client::new();
    let secret = {
        let server = Server::start(&data, folder.path());
        upload_file(&client, &server.url, &train);
        let webhook = json!({"url": "https://example.org/hook"});
        let (status, webhook) = client.post(&format!("{}/v1/webhooks", server.url), &webhook);
        assert_eq!(status, 201, "{webhook}");
        let paths = below(&data);
        for wanted in [
            "jobs.sqlite",
            "jobs.sqlite-wal",
            "jobs.sqlite-shm",
            "jobs.sqlite.lock",
            "signing.key",
            "secrets.key",
            "artifacts/uploads",
            "cache",
            "work/attempts",
        ] {
            assert!(paths.contains(&data.join(wanted)), "{wanted}: {paths:?}");
        }
        for path in paths.iter().chain([&folder.path().join("parent")]) {
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{}", path.display());
        }
        let secret = webhook["secret"].as_str().unwrap().to_owned();
        secret.strip_prefix("whsec_").unwrap().to_owned()
    };
    for path in below(&data).iter().filter(|path| path.is_file()) {
        assert!(
            !contains(path, &secret),
            "the secret is in {}",
            path.display()
        );
    }
    // The folder of an earlier release.
    for path in below(&data) {
        allow(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    let _server = Server::start(&data, folder.path());
    for name in [
        "",
        "jobs.sqlite",
        "jobs.sqlite-wal",
        "signing.key",
        "artifacts",
        "cache",
        "work",
    ] {
        let mode = data.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[test]
fn a_folder_that_users_share_is_not_taken_as_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("of another user"), "x").unwrap();
    for mode in [0o1777, 0o755, 0o770] {
        allow(&shared, mode);
        let mut serve = optin();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        let refused = run(serve.arg(&shared));
        let error = text(&refused.stderr);
        assert!(!refused.status.success());
        assert!(
            error.contains("other users can access") && error.contains("name another folder"),
            "{error}"
        );
        let kept = shared.metadata().unwrap().permissions().mode();
        assert_eq!(kept & 0o7777, mode);
    }
    // A new volume may be open to all users.
    std::fs::remove_file(shared.join("of another user")).unwrap();
    allow(&shared, 0o1777);
    let _server = Server::start(&shared, folder.path());
    let mode = shared.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
}

#[test]
fn a_service_with_another_secrets_key_does_not_start_on_the_same_database() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Server::start(&data, folder.path()));
    let key = folder.path().join("other.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let mut serve = optin();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    let refused = run(serve.arg(&data).arg("--secrets-key").arg(&key));
    let error = text(&refused.stderr);
    assert!(
        !refused.status.success() && error.contains("--secrets-key"),
        "{error}"
    );
    // The key of the first service, at another place.
    let kept = folder.path().join("kept.key");
    std::fs::rename(data.join("secrets.key"), &kept).unwrap();
    let mut command = optin();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.arg("--data-dir").arg(&data);
    Server::launch(command.arg("--secrets-key").arg(&kept));
    assert!(!data.join("secrets.key").exists());
}

/// Returns whether a file contains a text.
fn contains(path: &Path, wanted: &str) -> bool {
    let content = std::fs::read(path).unwrap();
    content
        .windows(wanted.len())
        .any(|part| part == wanted.as_bytes())
}

#[test]
fn results_and_errors_name_uploads_and_no_path_of_the_server() {
    let folder = folder();
    let root = folder.root.path();
    let data = root.join("data");
    let client = Client::new();
    let server = Server::start(&data, root);
    let model = upload_file(&client, &server.url, &archive(root, "model", root));
    let calibration = upload_file(&client, &server.url, &folder.calibration());
    let unlabeled = root.join("unlabeled.tsv");
    std::fs::write(&unlabeled, "sentence\nhello\n").unwrap();
    let unlabeled = upload_file(&client, &server.url, &unlabeled);
    let ended = |evaluation: &str| {
        let body = json!({
            "model": {"uri": model},
            "calibration": {"uri": calibration, "max_samples": 64},
            "evaluation": {"uri": evaluation},
            "target": {"value": "50%", "tolerance": "3%"},
        });
        let (status, job) = client.post(&format!("{}/v1/jobs", server.url), &body);
        assert_eq!(status, 202, "{job}");
        client.wait_until_finished(&server, job["id"].as_str().unwrap())
    };
    let failed = ended(&unlabeled);
    let detail = failed["error"]["detail"].as_str().unwrap();
    assert!(detail.contains(&unlabeled), "{failed}");
    assert!(
        !failed.to_string().contains(&*data.to_string_lossy()),
        "{failed}"
    );
    assert_eq!(ended(&calibration)["state"], "succeeded");
    let results: Vec<PathBuf> = below(&data.join("artifacts/jobs"))
        .into_iter()
        .filter(|path| path.is_file())
        .collect();
    assert!(results.iter().any(|path| contains(path, &model)));
    for path in results {
        let named = contains(&path, &data.to_string_lossy());
        assert!(!named, "{}", path.display());
    }
}
