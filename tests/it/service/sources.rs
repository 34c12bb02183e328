//! Models and data from where users keep them: sent in, or in a bucket of theirs.

use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

use super::fleet::Fleet;
use super::kill::folder;
use super::process::{Client, Server};
use crate::fixture::bucket;
use crate::fixture::folder::Folder;

/// The model's folder in an archive.
fn archive(folder: &Folder) -> std::path::PathBuf {
    let path = folder.root.path().join("model.tar");
    let made = Command::new("tar")
        .arg("-cf")
        .arg(&path)
        .arg("-C")
        .arg(folder.root.path())
        .arg("model")
        .status();
    assert!(made.unwrap().success());
    path
}

/// Announces a file.
fn announced(client: &Client, url: &str, path: &Path) -> Value {
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

fn complete(client: &Client, url: &str, upload: &Value) -> (u16, Value) {
    let id = upload["id"].as_str().unwrap();
    client.post(&format!("{url}/v1/uploads/{id}/complete"), &json!({}))
}

/// Sends a file in, and answers the URI that it has then.
fn sent(client: &Client, url: &str, path: &Path) -> String {
    let upload = announced(client, url, path);
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

fn request(model: &str, calibration: &str, evaluation: &str) -> Value {
    json!({
        "model": {"uri": model},
        "calibration": {"uri": calibration, "max_samples": 64},
        "evaluation": {"uri": evaluation},
        "target": {"value": "50%", "tolerance": "3%"},
    })
}

fn sent_in_and_pruned(client: &Client, server: &Server, folder: &Folder) {
    let url = &server.url;
    let model = sent(client, url, &archive(folder));
    let calibration = sent(client, url, &folder.calibration());
    let evaluation = sent(client, url, &folder.evaluation());
    let (status, problem) = client.post(
        &format!("{url}/v1/jobs"),
        &request(&calibration, &calibration, &evaluation),
    );
    assert_eq!(status, 422, "{problem}");
    let body = request(&model, &calibration, &evaluation);
    let (status, job) = client.post(&format!("{url}/v1/jobs"), &body);
    assert_eq!(status, 202, "{job}");
    let job = client.ended(server, job["id"].as_str().unwrap());
    assert_eq!(job["state"], "succeeded", "{job}");
}

#[test]
fn what_is_sent_to_the_service_is_pruned() {
    let folder = folder();
    let client = Client::new();
    let server = Server::start(&folder.root.path().join("data"), folder.root.path());
    sent_in_and_pruned(&client, &server, &folder);
    // What was announced is what must come: no byte more, less or other.
    let upload = announced(&client, &server.url, &folder.calibration());
    let good = std::fs::read(folder.calibration()).unwrap();
    let (mut longer, mut other) = (good.clone(), good.clone());
    longer.push(b'x');
    other[0] ^= 1;
    assert_eq!(client.put(&upload["put"], longer), 400);
    assert_eq!(client.put(&upload["put"], good[1..].to_vec()), 400);
    assert_eq!(client.put(&upload["put"], other), 204);
    let (status, problem) = complete(&client, &server.url, &upload);
    assert_eq!(
        (status, problem["code"].as_str()),
        (422, Some("invalid_data"))
    );
    assert_eq!(client.put(&upload["put"], good.clone()), 204);
    assert_eq!(complete(&client, &server.url, &upload).0, 200);
    // The URL stores at its own place alone.
    let second = announced(&client, &server.url, &folder.calibration());
    let mut forged = upload["put"].clone();
    let id = |upload: &Value| upload["id"].as_str().unwrap().to_owned();
    forged["url"] = forged["url"]
        .as_str()
        .unwrap()
        .replace(&id(&upload), &id(&second))
        .into();
    assert_eq!(client.put(&forged, good), 403);
}

#[test]
fn what_is_sent_to_the_bucket_is_pruned_on_another_machine() {
    let fleet = Fleet::new();
    let (service, _worker) = (fleet.service(), fleet.worker("worker"));
    sent_in_and_pruned(&fleet.client, &service, &fleet.folder);
}

#[test]
fn models_and_data_in_an_allowed_bucket_are_read() {
    let fleet = Fleet::new();
    let allowed = ["--source-bucket", &fleet.bucket.bucket];
    let service = Server::launch(fleet.command("serve", "service").args(allowed));
    let strict = Server::launch(fleet.command("serve", "strict").args(["--workers", "0"]));
    let place = format!("{}/data", fleet.bucket.prefix);
    let mut files = vec![fleet.folder.calibration(), fleet.folder.evaluation()];
    let model = std::fs::read_dir(fleet.folder.model()).unwrap();
    files.extend(model.map(|entry| entry.unwrap().path()));
    for path in files {
        let within = path.strip_prefix(fleet.folder.root.path()).unwrap();
        let key = format!("{place}/{}", within.display());
        let content = std::fs::read(&path).unwrap();
        fleet
            .runtime
            .block_on(bucket::put(&fleet.bucket, &key, content));
    }
    let uri = |name: &str| format!("s3://{}/{place}/{name}", fleet.bucket.bucket);
    let (model, calibration, evaluation) =
        (uri("model"), uri("calibration.tsv"), uri("evaluation.tsv"));
    let body = request(&model, &calibration, &evaluation);
    let post =
        |server: &Server, body: &Value| fleet.client.post(&format!("{}/v1/jobs", server.url), body);
    let (status, job) = post(&service, &body);
    assert_eq!(status, 202, "{job}");
    let job = fleet.client.ended(&service, job["id"].as_str().unwrap());
    assert_eq!(job["state"], "succeeded", "{job}");
    for (server, body, word) in [
        (&strict, body.clone(), "--source-bucket"),
        (
            &service,
            request(&uri("nothing"), &calibration, &evaluation),
            "no config.json",
        ),
        (
            &service,
            request(&model, &uri("model"), &evaluation),
            "is not a data file",
        ),
        (
            &service,
            request("s3://strangers/model", &calibration, &evaluation),
            "may not read",
        ),
    ] {
        let (status, problem) = post(server, &body);
        assert_eq!(status, 422, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
}
