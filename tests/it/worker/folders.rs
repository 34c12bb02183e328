//! A result with folders, from the worker to the client, over HTTP and through both kinds of store.

use optin::api::{Connections, router, serve};
use optin::artifact::progress::Patience;
use optin::artifact::store::ArtifactStore;
use optin::job::store::JobStore;
use optin::job::{Scope, State};
use optin::prune::surgery::folder::Draft;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Harness;
use crate::api::harness::{Options, state};
use crate::fixture::bucket;
use crate::fixture::job::{created, report};

const FILES: [(&str, &[u8]); 4] = [
    ("1_Pooling/config.json", b"{}"),
    ("a/url", b"a file with the name of an operation"),
    ("config.json", b"{\"a\": 1}"),
    ("onnx/model.onnx", b"graph"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_local_store_serves_results_with_folders() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(folder.path()).unwrap();
    publish_and_download(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_serves_results_with_folders() {
    publish_and_download(bucket::place().1).await;
}

async fn publish_and_download(artifacts: ArtifactStore) {
    let harness = Harness::with_artifacts(artifacts.clone(), |_, places, _| {
        let draft = Draft::begin(&places.out)?;
        for (name, content) in FILES {
            draft.write(name, content)?;
        }
        draft.finish()?;
        Ok(report())
    })
    .await;
    let id = created(harness.jobs.as_ref(), harness.job()).await.id;
    let ended = harness.ended(id).await;
    assert_eq!(ended.state, State::Succeeded, "{ended:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let api = router(state(Options::default(), &harness.jobs, &artifacts, &url));
    let connections = Connections {
        most: 16,
        most_per_address: 16,
        head: Duration::from_secs(10),
        patience: Patience::DEFAULT,
    };
    tokio::spawn(serve(listener, api, connections, CancellationToken::new()));

    let job = format!("{url}/v1/jobs/{id}/artifacts");
    let get = async |url: String| bucket::get(&url).await.error_for_status().unwrap();
    let list: Value = get(job.clone()).await.json().await.unwrap();
    let list = list["data"].as_array().unwrap();
    let names: Vec<&str> = list
        .iter()
        .map(|artifact| artifact["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "1_Pooling/config.json",
            "SHA256SUMS",
            "a/url",
            "config.json",
            "onnx/model.onnx"
        ]
    );
    for (name, content) in FILES {
        let artifact = list.iter().find(|artifact| artifact["name"] == name);
        let href = artifact.unwrap()["href"].as_str().unwrap();
        // The path in the list, and the path that a generated client builds.
        for path in [
            format!("{url}{href}"),
            format!("{job}/{}", name.replace('/', "%2F")),
        ] {
            let response = get(path).await;
            let last = name.rsplit('/').next().unwrap();
            assert_eq!(
                response.headers()["content-disposition"],
                format!("attachment; filename=\"{last}\"")
            );
            assert_eq!(response.bytes().await.unwrap(), content, "{name}");
        }
        for name in [name.to_owned(), name.replace('/', "%2F")] {
            let signed: Value = get(format!("{job}/{name}/url")).await.json().await.unwrap();
            let signed = signed["url"].as_str().unwrap().to_owned();
            assert_eq!(get(signed).await.bytes().await.unwrap(), content, "{name}");
        }
    }

    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_optin"));
    command.args(["download", "--server", &url, &id.to_string(), "--out"]);
    command.arg(out.path());
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    let ended = ended.await.unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    for (name, content) in FILES {
        assert_eq!(std::fs::read(out.path().join(name)).unwrap(), content);
    }
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "SHA256SUMS"]);
    assert!(
        check
            .current_dir(out.path())
            .output()
            .unwrap()
            .status
            .success()
    );

    harness.jobs.delete(&Scope::Service, id).await.unwrap();
    let prefix = optin::artifact::key::Key::job(&id.to_string()).unwrap();
    artifacts.delete_prefix(&prefix).await.unwrap();
    assert_eq!(artifacts.list(&prefix).await.unwrap(), []);
}
