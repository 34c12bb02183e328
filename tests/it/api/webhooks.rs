//! Webhooks over HTTP.

use serde_json::json;

use super::harness::Harness;

#[tokio::test]
async fn a_webhook_is_created_read_disabled_tested_and_deleted() {
    let harness = Harness::new().await;
    let created = harness
        .post("/v1/webhooks", &json!({"url": "https://example.org/hook"}))
        .await;
    assert_eq!(created.status, 201);
    let webhook = created.json();
    assert!(webhook["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(webhook["events"].as_array().unwrap().len(), 4);
    let at = created.header("location").to_owned();
    let shown = harness.get(&at).await.json();
    assert!(
        shown.get("secret").is_none(),
        "the secret is returned only at creation: {shown}"
    );
    assert_eq!(
        harness.get("/v1/webhooks").await.json()["data"],
        json!([shown])
    );
    let off = harness
        .send(
            "PATCH",
            &at,
            &[("content-type", "application/json")],
            json!({"enabled": false}).to_string(),
        )
        .await;
    assert_eq!(off.json()["enabled"], false);
    let test = harness.post(&format!("{at}/test"), &json!({})).await;
    assert_eq!(test.status, 202);
    let page = harness
        .get(&format!("{at}/deliveries?limit=1"))
        .await
        .json();
    assert_eq!(page["data"][0]["id"], test.json()["id"]);
    assert_eq!(page["data"][0]["body"]["type"], "webhook.test");
    let id = test.json()["id"].as_str().unwrap().to_owned();
    let again = harness
        .post(&format!("{at}/deliveries/{id}/redeliver"), &json!({}))
        .await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["state"]),
        (202, &json!("pending"))
    );
    assert_eq!(
        harness.send("DELETE", &at, &[], String::new()).await.status,
        204
    );
    harness.get(&at).await.problem(404, "not_found");
    harness
        .get("/v1/webhooks/wh_1")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn errors_point_to_the_invalid_field() {
    let harness = Harness::new().await;
    for (body, pointer, word) in [
        (json!({"url": "http://example.org"}), "/url", "use https"),
        (
            json!({"url": "https://10.0.0.1/"}),
            "/url",
            "public internet",
        ),
        (json!({"url": "here"}), "/url", "invalid URL"),
        (
            json!({"url": "https://example.org", "events": ["job.paused"]}),
            "/events/0",
            "job.started",
        ),
        (
            json!({"url": "https://example.org", "secret": "x"}),
            "/secret",
            "secret",
        ),
    ] {
        let problem = harness
            .post("/v1/webhooks", &body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
}
