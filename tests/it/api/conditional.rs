//! Conditional requests: `If-Match` and `If-None-Match`.

use serde_json::json;

use super::harness::Harness;

#[tokio::test]
async fn if_match_protects_a_job_from_changes_that_the_client_has_not_seen() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let path = format!("/v1/jobs/{id}");
    let first = harness.get(&path).await.header("etag").to_owned();
    let send = async |method: &str, path: &str, etag: &str| {
        harness.send(method, path, &[("if-match", etag)], "").await
    };
    let lease = harness.claim().await;
    // The claim creates a new version of the job.
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/cancel")),
    ] {
        send(method, &path, &first)
            .await
            .problem(412, "precondition_failed");
    }
    let current = harness.get(&path).await.header("etag").to_owned();
    assert_eq!(send("GET", &path, "*").await.status, 200);
    assert_eq!(
        send("GET", &path, &format!("{first}, {current}"))
            .await
            .status,
        200
    );
    // A weak ETag never matches: the comparison is strong.
    send("GET", &path, &format!("W/{current}"))
        .await
        .problem(412, "precondition_failed");
    let canceled = send("POST", &format!("{path}/cancel"), &current).await;
    assert_eq!(
        (canceled.status.as_u16(), &canceled.json()["state"]),
        (202, &json!("canceling"))
    );
    harness.succeed(&lease, "report.json", b"{}").await;
    send("DELETE", &path, &current)
        .await
        .problem(412, "precondition_failed");
    assert_eq!(send("DELETE", &path, "*").await.status, 204);
}

#[tokio::test]
async fn if_none_match_gets_304_until_the_job_changes() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let path = format!("/v1/jobs/{id}");
    let etag = harness.get(&path).await.header("etag").to_owned();
    for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let same = harness
            .send("GET", &path, &[("if-none-match", &known)], "")
            .await;
        assert_eq!(
            (same.status.as_u16(), same.bytes.len(), same.header("etag")),
            (304, 0, etag.as_str())
        );
    }
    harness.claim().await;
    let changed = harness
        .send("GET", &path, &[("if-none-match", &etag)], "")
        .await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), etag);
}
