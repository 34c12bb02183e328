//! Webhooks over HTTP.

use serde_json::json;

use super::face::Face;

#[tokio::test]
async fn a_webhook_is_made_shown_switched_tested_and_removed() {
    let face = Face::new().await;
    let made = face
        .post("/v1/webhooks", &json!({"url": "https://example.org/hook"}))
        .await;
    assert_eq!(made.status, 201);
    let webhook = made.json();
    assert!(webhook["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(webhook["events"].as_array().unwrap().len(), 4);
    let at = made.header("location").to_owned();
    let shown = face.get(&at).await.json();
    assert!(shown.get("secret").is_none(), "shown once: {shown}");
    assert_eq!(
        face.get("/v1/webhooks").await.json()["data"],
        json!([shown])
    );
    let off = face
        .send(
            "PATCH",
            &at,
            &[("content-type", "application/json")],
            json!({"enabled": false}).to_string(),
        )
        .await;
    assert_eq!(off.json()["enabled"], false);
    let told = face.post(&format!("{at}/test"), &json!({})).await;
    assert_eq!(told.status, 202);
    let page = face.get(&format!("{at}/deliveries?limit=1")).await.json();
    assert_eq!(page["data"][0]["id"], told.json()["id"]);
    assert_eq!(page["data"][0]["body"]["type"], "webhook.test");
    let id = told.json()["id"].as_str().unwrap().to_owned();
    let again = face
        .post(&format!("{at}/deliveries/{id}/redeliver"), &json!({}))
        .await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["state"]),
        (202, &json!("pending"))
    );
    assert_eq!(
        face.send("DELETE", &at, &[], String::new()).await.status,
        204
    );
    face.get(&at).await.problem(404, "not_found");
    face.get("/v1/webhooks/wh_1")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn wrong_requests_are_pointed_at() {
    let face = Face::new().await;
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
        let problem = face
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
