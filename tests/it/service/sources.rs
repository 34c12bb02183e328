//! Sources of models and data: uploads to the service, and buckets of users.

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::kill::folder;
use super::process::{Client, Server};
use super::upload::{archive, complete, create_upload, upload_file, upload_in_parts};
use crate::fixture::bucket;
use crate::fixture::folder::Folder;

fn request(model: &str, calibration: &str, evaluation: &str) -> Value {
    json!({
        "model": {"uri": model},
        "calibration": {"uri": calibration, "max_samples": 64},
        "evaluation": {"uri": evaluation},
        "target": {"value": "50%", "tolerance": "3%"},
    })
}

/// Uploads the model and the data, and checks that a job with them succeeds.
fn upload_and_prune(client: &Client, server: &Server, folder: &Folder) {
    let url = &server.url;
    let model = upload_file(
        client,
        url,
        &archive(folder.root.path(), "model", folder.root.path()),
    );
    let calibration = upload_in_parts(client, url, &folder.calibration());
    let evaluation = upload_file(client, url, &folder.evaluation());
    let (status, problem) = client.post(
        &format!("{url}/v1/jobs"),
        &request(&calibration, &calibration, &evaluation),
    );
    assert_eq!(status, 422, "{problem}");
    let body = request(&model, &calibration, &evaluation);
    let (status, job) = client.post(&format!("{url}/v1/jobs"), &body);
    assert_eq!(status, 202, "{job}");
    let job = client.wait_until_finished(server, job["id"].as_str().unwrap());
    assert_eq!(job["state"], "succeeded", "{job}");
}

#[test]
fn uploads_to_the_service_are_pruned_and_must_match_their_size_digest_and_url() {
    let folder = folder();
    let client = Client::new();
    let server = Server::start(&folder.root.path().join("data"), folder.root.path());
    upload_and_prune(&client, &server, &folder);
    // The content must have the size and the digest that the upload was created with.
    let upload = create_upload(&client, &server.url, &folder.calibration());
    let content = std::fs::read(folder.calibration()).unwrap();
    let (mut longer, mut other) = (content.clone(), content.clone());
    longer.push(b'x');
    other[0] ^= 1;
    assert_eq!(client.put(&upload["put"], longer), 400);
    assert_eq!(client.put(&upload["put"], content[1..].to_vec()), 400);
    assert_eq!(client.put(&upload["put"], other), 400);
    let (status, problem) = complete(&client, &server.url, &upload);
    assert_eq!((status, problem["code"].as_str()), (409, Some("conflict")));
    assert_eq!(client.put(&upload["put"], content.clone()), 204);
    assert_eq!(complete(&client, &server.url, &upload).0, 200);
    // A signed URL is valid only for its own upload.
    let second = create_upload(&client, &server.url, &folder.calibration());
    let mut forged = upload["put"].clone();
    let id = |upload: &Value| upload["id"].as_str().unwrap().to_owned();
    forged["url"] = forged["url"]
        .as_str()
        .unwrap()
        .replace(&id(&upload), &id(&second))
        .into();
    assert_eq!(client.put(&forged, content), 403);
}

#[test]
fn uploads_to_the_bucket_are_pruned_by_a_worker_in_another_process() {
    let fleet = Fleet::new();
    let (service, _worker) = (fleet.service(), fleet.worker("worker"));
    upload_and_prune(&fleet.client, &service, &fleet.folder);
}

#[test]
fn models_and_data_are_read_only_from_an_allowed_bucket() {
    let fleet = Fleet::new();
    let allowed = ["--source-bucket", &fleet.bucket.bucket];
    let service = Server::launch(fleet.command("serve", "service").args(allowed));
    let strict = Server::launch(fleet.command("serve", "strict").args(["--workers", "0"]));
    let prefix = format!("{}/data", fleet.bucket.prefix);
    let mut files = vec![fleet.folder.calibration(), fleet.folder.evaluation()];
    let model = std::fs::read_dir(fleet.folder.model()).unwrap();
    files.extend(model.map(|entry| entry.unwrap().path()));
    for path in files {
        let within = path.strip_prefix(fleet.folder.root.path()).unwrap();
        let key = format!("{prefix}/{}", within.display());
        let content = std::fs::read(&path).unwrap();
        fleet
            .runtime
            .block_on(bucket::put(&fleet.bucket, &key, content));
    }
    let uri = |name: &str| format!("s3://{}/{prefix}/{name}", fleet.bucket.bucket);
    let (model, calibration, evaluation) =
        (uri("model"), uri("calibration.tsv"), uri("evaluation.tsv"));
    let body = request(&model, &calibration, &evaluation);
    let post =
        |server: &Server, body: &Value| fleet.client.post(&format!("{}/v1/jobs", server.url), body);
    let (status, job) = post(&service, &body);
    assert_eq!(status, 202, "{job}");
    let job = fleet
        .client
        .wait_until_finished(&service, job["id"].as_str().unwrap());
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
