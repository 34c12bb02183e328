//! Artifacts over HTTP: lists, signed URLs, range requests and invalid URLs.

use serde_json::json;

use super::access::with_required_keys;
use super::harness::{Harness, Response};

const CONTENT: &[u8] = b"0123456789abcdef";

/// Publishes one file. Returns the harness, the path of the job, and the path and query of a signed URL for the file.
async fn published() -> (Harness, String, String) {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let lease = harness.claim().await;
    harness.succeed(&lease, "model.safetensors", CONTENT).await;
    let job = format!("/v1/jobs/{id}");
    let response = harness
        .get(&format!("{job}/artifacts/model.safetensors"))
        .await;
    assert_eq!(response.status, 307, "{response:?}");
    let url = response
        .header("location")
        .strip_prefix("https://optin.example")
        .unwrap()
        .to_owned();
    (harness, job, url)
}

async fn fetch(harness: &Harness, url: &str, headers: &[(&str, &str)]) -> Response {
    harness.send("GET", url, headers, "").await
}

#[tokio::test]
async fn files_are_listed_once_the_job_has_succeeded() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let list = async || {
        harness
            .get(&format!("/v1/jobs/{id}/artifacts"))
            .await
            .json()
    };
    assert_eq!(list().await["data"], json!([]));
    harness
        .get(&format!("/v1/jobs/{id}/artifacts/report.json"))
        .await
        .problem(404, "not_found");
    let lease = harness.claim().await;
    harness.succeed(&lease, "report.json", b"{}").await;
    let sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let href = format!("/v1/jobs/{id}/artifacts/report.json");
    assert_eq!(
        list().await["data"],
        json!([{"name": "report.json", "bytes": 2, "sha256": sha256, "media_type": "application/json", "href": href}])
    );
}

#[tokio::test]
async fn a_signed_url_returns_the_file() {
    let (harness, job, url) = published().await;
    let response = fetch(&harness, &url, &[]).await;
    assert_eq!(
        (response.status.as_u16(), response.bytes.as_slice()),
        (200, CONTENT)
    );
    assert_eq!(response.header("content-length"), "16");
    assert_eq!(response.header("accept-ranges"), "bytes");
    assert_eq!(
        response.header("content-disposition"),
        "attachment; filename=\"model.safetensors\""
    );
    let etag = response.header("etag").to_owned();
    assert_eq!(
        fetch(&harness, &url, &[("if-none-match", &etag)])
            .await
            .status,
        304
    );
    let signed = harness
        .send(
            "GET",
            &format!("{job}/artifacts/model.safetensors"),
            &[("accept", "application/json")],
            "",
        )
        .await
        .json();
    assert!(
        signed["url"]
            .as_str()
            .unwrap()
            .starts_with("https://optin.example/v1/blobs/")
    );
    assert!(signed["expires_at"].as_str().unwrap().ends_with('Z'));
    let head = harness.send("HEAD", &url, &[], "").await;
    assert_eq!(
        (
            head.status.as_u16(),
            head.bytes.len(),
            head.header("content-length")
        ),
        (200, 0, "16")
    );
}

#[tokio::test]
async fn range_requests_return_the_requested_bytes() {
    let (harness, _, url) = published().await;
    for (range, content, content_range) in [
        ("bytes=0-3", &CONTENT[..4], "bytes 0-3/16"),
        ("bytes=4-", &CONTENT[4..], "bytes 4-15/16"),
        ("bytes=-2", &CONTENT[14..], "bytes 14-15/16"),
        ("bytes=10-999", &CONTENT[10..], "bytes 10-15/16"),
    ] {
        let response = fetch(&harness, &url, &[("range", range)]).await;
        assert_eq!(
            (
                response.status.as_u16(),
                response.bytes.as_slice(),
                response.header("content-range")
            ),
            (206, content, content_range)
        );
    }
    fetch(&harness, &url, &[("range", "bytes=16-")])
        .await
        .problem(416, "range_not_satisfiable");
    for whole in ["bytes=0-1,3-4", "items=0-1", "nonsense"] {
        assert_eq!(
            fetch(&harness, &url, &[("range", whole)]).await.bytes,
            CONTENT,
            "{whole}"
        );
    }
    let etag = fetch(&harness, &url, &[]).await.header("etag").to_owned();
    assert_eq!(
        fetch(
            &harness,
            &url,
            &[("range", "bytes=0-3"), ("if-range", &etag)]
        )
        .await
        .status,
        206
    );
    assert_eq!(
        fetch(
            &harness,
            &url,
            &[("range", "bytes=0-3"), ("if-range", "\"other\"")]
        )
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn urls_with_an_invalid_signature_are_rejected() {
    let (harness, job, url) = published().await;
    let other = {
        let id = harness.create_job().await;
        let lease = harness.claim().await;
        harness
            .succeed(&lease, "model.safetensors", b"another file")
            .await;
        id.to_string()
    };
    let own = job.rsplit('/').next().unwrap();
    for forged in [
        url.replace(own, &other),
        url.replace("model.safetensors", "report.json"),
        url.replace("/1/", "/2/"),
        url.replace("expires=", "expires=9"),
        url.replace("signature=", "signature=00"),
        url.replace("sha256=", "sha256=0"),
    ] {
        assert_ne!(forged, url);
        fetch(&harness, &forged, &[])
            .await
            .problem(403, "url_invalid");
    }
    for malformed in [
        url.split('?').next().unwrap().to_owned(),
        url.replace("expires=", "expires=x"),
    ] {
        fetch(&harness, &malformed, &[])
            .await
            .problem(400, "invalid_request");
    }
    for path in [
        "/v1/blobs/jobs/a/1/..%2f..%2fjobs.sqlite?sha256=0&expires=1&signature=0",
        "/v1/blobs/jobs/%2e%2e/1/a?sha256=0&expires=1&signature=0",
    ] {
        fetch(&harness, path, &[]).await.problem(403, "url_invalid");
    }
}

#[tokio::test]
async fn expired_urls_get_403_and_deleted_files_get_404() {
    let (harness, job, url) = published().await;
    let id = job.rsplit('/').next().unwrap();
    let name = "model.safetensors".parse().unwrap();
    let key = optin::artifact::key::Key::attempt_file(id, 1, &name).unwrap();
    let signature = harness.signing.sign(&key, "00", 1_000);
    let old = format!("/v1/blobs/{key}?sha256=00&expires=1000&signature={signature}");
    fetch(&harness, &old, &[]).await.problem(403, "url_expired");
    assert_eq!(harness.send("DELETE", &job, &[], "").await.status, 204);
    fetch(&harness, &url, &[]).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_url_endpoint_returns_a_signed_url_and_accept_chooses_by_order_and_quality() {
    let (harness, job, _) = published().await;
    let path = format!("{job}/artifacts/model.safetensors");
    let signed = harness.get(&format!("{path}/url")).await;
    assert_eq!(signed.header("cache-control"), "no-store");
    let url = signed.json()["url"].as_str().unwrap().to_owned();
    let local = url.strip_prefix("https://optin.example").unwrap();
    assert_eq!(fetch(&harness, local, &[]).await.bytes, CONTENT);
    harness
        .get(&format!("{job}/artifacts/none.bin/url"))
        .await
        .problem(404, "not_found");
    for (accept, status) in [
        ("*/*", 307),
        ("application/octet-stream, application/problem+json", 307),
        ("application/octet-stream, application/json", 307),
        ("application/json, application/octet-stream", 200),
        (
            "application/json;q=0.1, application/octet-stream;q=0.9",
            307,
        ),
        ("application/json", 200),
    ] {
        let response = fetch(&harness, &path, &[("accept", accept)]).await;
        assert_eq!(response.status, status, "{accept}");
    }
}

#[tokio::test]
async fn an_artifact_can_be_read_without_a_redirect() {
    let (harness, job, _) = published().await;
    let path = format!("{job}/artifacts/model.safetensors?redirect=false");
    for accept in ["*/*", "application/json"] {
        let response = fetch(&harness, &path, &[("accept", accept)]).await;
        assert_eq!(
            (response.status.as_u16(), response.bytes.as_slice()),
            (200, CONTENT)
        );
        assert_eq!(response.header("content-length"), "16");
        assert_eq!(response.header("content-type"), "application/octet-stream");
        assert_eq!(
            response.header("content-disposition"),
            "attachment; filename=\"model.safetensors\""
        );
    }
    let redirected = fetch(&harness, &path.replace("false", "true"), &[]).await;
    assert_eq!(redirected.status, 307);
    let wrong = fetch(&harness, &path.replace("false", "no"), &[]).await;
    wrong.problem(400, "invalid_request");
    let missing = path.replace("model.safetensors", "none.bin");
    fetch(&harness, &missing, &[])
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn the_name_of_an_artifact_in_a_folder_is_accepted_in_both_forms() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let lease = harness.claim().await;
    harness.succeed(&lease, "onnx/a/config.json", CONTENT).await;
    let artifacts = format!("/v1/jobs/{id}/artifacts");
    let listed = harness.get(&artifacts).await.json()["data"][0].clone();
    assert_eq!(listed["name"], "onnx/a/config.json");
    assert_eq!(listed["media_type"], "application/json");
    assert_eq!(listed["href"], format!("{artifacts}/onnx/a/config.json"));
    for name in [
        "onnx/a/config.json",
        "onnx%2Fa%2Fconfig.json",
        "onnx%2fa/config.json",
    ] {
        let redirect = harness.get(&format!("{artifacts}/{name}")).await;
        assert_eq!(redirect.status, 307, "{name}");
        let signed = harness.get(&format!("{artifacts}/{name}/url")).await.json();
        for url in [redirect.header("location"), signed["url"].as_str().unwrap()] {
            let url = url.strip_prefix("https://optin.example").unwrap();
            let response = fetch(&harness, url, &[("range", "bytes=1-2")]).await;
            assert_eq!(
                (response.status.as_u16(), &*response.bytes),
                (206, &b"12"[..])
            );
            assert_eq!(
                response.header("content-disposition"),
                "attachment; filename=\"config.json\""
            );
            let encoded = url.replace("onnx/a/config.json", "onnx%2Fa%2Fconfig.json");
            assert_eq!(fetch(&harness, &encoded, &[]).await.bytes, CONTENT);
            fetch(&harness, &url.replace("onnx/a/", "onnx/"), &[])
                .await
                .problem(403, "url_invalid");
        }
    }
    for name in [
        "onnx",
        "onnx/a",
        "a/config.json",
        "onnx/../config.json",
        "onnx/a/config.json/",
    ] {
        for path in [
            name.to_owned(),
            name.replace('/', "%2F"),
            format!("{name}/url"),
        ] {
            let missing = harness.get(&format!("{artifacts}/{path}")).await;
            missing.problem(404, "not_found");
        }
    }
    // The rules of the operation apply to both forms.
    let path = format!("{artifacts}/onnx/a/config.json");
    harness
        .get(&format!("{path}?unknown=1"))
        .await
        .problem(400, "invalid_request");
    harness
        .post(&path, &json!({}))
        .await
        .problem(405, "method_not_allowed");
}

#[tokio::test]
async fn an_artifact_in_a_folder_requires_the_scope_of_its_operation() {
    let harness = with_required_keys().await;
    let id = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10";
    for path in ["onnx/model.onnx", "onnx/model.onnx/url"] {
        let response = harness
            .get(&format!("/v1/jobs/{id}/artifacts/{path}"))
            .await;
        response.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn downloads_honor_if_match() {
    let (harness, _, url) = published().await;
    let etag = fetch(&harness, &url, &[]).await.header("etag").to_owned();
    assert_eq!(
        fetch(&harness, &url, &[("if-match", &etag)]).await.status,
        200
    );
    fetch(&harness, &url, &[("if-match", "\"other\"")])
        .await
        .problem(412, "precondition_failed");
}

/// Returns the path and the content of each file of an archive.
fn unpacked(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (path, content)
    });
    entries.collect()
}

#[tokio::test]
async fn all_artifacts_are_one_archive() {
    let (harness, job, _) = published().await;
    let id = job.strip_prefix("/v1/jobs/").unwrap();
    let path = format!("{job}/artifacts.tar");
    let response = harness.get(&path).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("content-type"), "application/octet-stream");
    assert_eq!(
        response.header("content-length"),
        response.bytes.len().to_string()
    );
    let expected = (format!("{id}/model.safetensors"), CONTENT.to_vec());
    assert_eq!(unpacked(&response.bytes), [expected]);
    let again = harness.get(&path).await;
    assert_eq!(again.bytes, response.bytes);
    let etag = response.header("etag").to_owned();
    let known = harness
        .send("GET", &path, &[("if-none-match", &etag)], "")
        .await;
    assert_eq!(known.status, 304);
}

#[tokio::test]
async fn a_job_without_a_result_has_no_archive() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let response = harness.get(&format!("/v1/jobs/{id}/artifacts.tar")).await;
    response.problem(409, "conflict");
}
