//! Files over HTTP: lists, signed URLs, ranges, and URLs that are none.

use serde_json::json;

use super::face::{Answer, Face};

const CONTENT: &[u8] = b"0123456789abcdef";

/// A face with one published file; the job's path, and the path and query of a signed URL for the file.
async fn published() -> (Face, String, String) {
    let face = Face::new().await;
    let id = face.created().await;
    let lease = face.claim().await;
    face.succeed(&lease, "model.safetensors", CONTENT).await;
    let job = format!("/v1/jobs/{id}");
    let answer = face
        .get(&format!("{job}/artifacts/model.safetensors"))
        .await;
    assert_eq!(answer.status, 307, "{answer:?}");
    let url = answer
        .header("location")
        .strip_prefix("https://optin.example")
        .unwrap()
        .to_owned();
    (face, job, url)
}

async fn fetch(face: &Face, url: &str, headers: &[(&str, &str)]) -> Answer {
    face.send("GET", url, headers, "").await
}

#[tokio::test]
async fn files_are_listed_once_the_job_has_succeeded() {
    let face = Face::new().await;
    let id = face.created().await;
    let list = async || face.get(&format!("/v1/jobs/{id}/artifacts")).await.json();
    assert_eq!(list().await["data"], json!([]));
    face.get(&format!("/v1/jobs/{id}/artifacts/report.json"))
        .await
        .problem(404, "not_found");
    let lease = face.claim().await;
    face.succeed(&lease, "report.json", b"{}").await;
    let sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let href = format!("/v1/jobs/{id}/artifacts/report.json");
    assert_eq!(
        list().await["data"],
        json!([{"name": "report.json", "bytes": 2, "sha256": sha256, "media_type": "application/json", "href": href}])
    );
}

#[tokio::test]
async fn a_signed_url_gives_the_file() {
    let (face, job, url) = published().await;
    let answer = fetch(&face, &url, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.bytes.as_slice()),
        (200, CONTENT)
    );
    assert_eq!(answer.header("content-length"), "16");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"model.safetensors\""
    );
    let etag = answer.header("etag").to_owned();
    assert_eq!(
        fetch(&face, &url, &[("if-none-match", &etag)]).await.status,
        304
    );
    let told = face
        .send(
            "GET",
            &format!("{job}/artifacts/model.safetensors"),
            &[("accept", "application/json")],
            "",
        )
        .await
        .json();
    assert!(
        told["url"]
            .as_str()
            .unwrap()
            .starts_with("https://optin.example/v1/blobs/")
    );
    assert!(told["expires_at"].as_str().unwrap().ends_with('Z'));
    let head = face.send("HEAD", &url, &[], "").await;
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
async fn ranges() {
    let (face, _, url) = published().await;
    for (range, content, told) in [
        ("bytes=0-3", &CONTENT[..4], "bytes 0-3/16"),
        ("bytes=4-", &CONTENT[4..], "bytes 4-15/16"),
        ("bytes=-2", &CONTENT[14..], "bytes 14-15/16"),
        ("bytes=10-999", &CONTENT[10..], "bytes 10-15/16"),
    ] {
        let answer = fetch(&face, &url, &[("range", range)]).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.bytes.as_slice(),
                answer.header("content-range")
            ),
            (206, content, told)
        );
    }
    fetch(&face, &url, &[("range", "bytes=16-")])
        .await
        .problem(416, "range_not_satisfiable");
    for whole in ["bytes=0-1,3-4", "items=0-1", "nonsense"] {
        assert_eq!(
            fetch(&face, &url, &[("range", whole)]).await.bytes,
            CONTENT,
            "{whole}"
        );
    }
    let etag = fetch(&face, &url, &[]).await.header("etag").to_owned();
    assert_eq!(
        fetch(&face, &url, &[("range", "bytes=0-3"), ("if-range", &etag)])
            .await
            .status,
        206
    );
    assert_eq!(
        fetch(
            &face,
            &url,
            &[("range", "bytes=0-3"), ("if-range", "\"other\"")]
        )
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn urls_that_were_not_signed_so_are_refused() {
    let (face, job, url) = published().await;
    let other = {
        let id = face.created().await;
        let lease = face.claim().await;
        face.succeed(&lease, "model.safetensors", b"another file")
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
        fetch(&face, &forged, &[]).await.problem(403, "url_invalid");
    }
    for malformed in [
        url.split('?').next().unwrap().to_owned(),
        url.replace("expires=", "expires=x"),
    ] {
        fetch(&face, &malformed, &[])
            .await
            .problem(400, "invalid_request");
    }
    for path in [
        "/v1/blobs/jobs/a/1/..%2f..%2fjobs.sqlite?sha256=0&expires=1&signature=0",
        "/v1/blobs/jobs/%2e%2e/1/a?sha256=0&expires=1&signature=0",
    ] {
        fetch(&face, path, &[]).await.problem(403, "url_invalid");
    }
}

#[tokio::test]
async fn a_url_expires_and_a_deleted_file_is_gone() {
    let (face, job, url) = published().await;
    let id = job.rsplit('/').next().unwrap();
    let key = optin::artifact::key::Key::attempt_file(id, 1, "model.safetensors").unwrap();
    let signature = face.signing.sign(&key, "00", 1_000);
    let old = format!("/v1/blobs/{key}?sha256=00&expires=1000&signature={signature}");
    fetch(&face, &old, &[]).await.problem(403, "url_expired");
    assert_eq!(face.send("DELETE", &job, &[], "").await.status, 204);
    fetch(&face, &url, &[]).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_signed_url_has_a_path_of_its_own_and_accept_decides_by_order_and_quality() {
    let (face, job, _) = published().await;
    let path = format!("{job}/artifacts/model.safetensors");
    let signed = face.get(&format!("{path}/url")).await;
    assert_eq!(signed.header("cache-control"), "no-store");
    let url = signed.json()["url"].as_str().unwrap().to_owned();
    let local = url.strip_prefix("https://optin.example").unwrap();
    assert_eq!(fetch(&face, local, &[]).await.bytes, CONTENT);
    face.get(&format!("{job}/artifacts/none.bin/url"))
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
        let answer = fetch(&face, &path, &[("accept", accept)]).await;
        assert_eq!(answer.status, status, "{accept}");
    }
}

#[tokio::test]
async fn if_match_holds_for_downloads() {
    let (face, _, url) = published().await;
    let etag = fetch(&face, &url, &[]).await.header("etag").to_owned();
    assert_eq!(fetch(&face, &url, &[("if-match", &etag)]).await.status, 200);
    fetch(&face, &url, &[("if-match", "\"other\"")])
        .await
        .problem(412, "precondition_failed");
}
