//! The table of changed answers, which not all reports have.

use axum::Router;
use axum::extract::Path;
use axum::http::Request;
use axum::routing::get;
use optin::dashboard::{Sessions, with_pages};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::browser::Browser;
use crate::api::harness::URL;

/// The page of a job whose report has this property besides.
async fn page(browser: &Browser, id: &str, changed: &Value) -> String {
    let mut job = browser.harness.get(&format!("/v1/jobs/{id}")).await.json();
    job["report"]["changed_rows"] = changed.clone();
    let lists = json!({"data": [], "has_more": false, "next_after": 0});
    let router = Router::new()
        .route("/v1/jobs/{id}", get(async move || axum::Json(job)))
        .route(
            "/v1/jobs/{id}/{list}",
            get(async move |Path(_): Path<(String, String)>| axum::Json(lists)),
        );
    let router = with_pages(router, Sessions::new(&[2; 32], URL));
    let request = Request::get(format!("/jobs/{id}"));
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn changed_answers_are_shown_if_the_report_has_them() {
    let browser = Browser::new().await;
    let id = browser.harness.create_job().await.to_string();
    let lease = browser.harness.claim().await;
    browser
        .harness
        .succeed(&lease, "keep_map.json", b"{}")
        .await;
    let row = |input: Value, truth: Value| json!({"row": 17, "input": input, "before": "good (93.10 %)", "after": "bad (51 %)", "truth": truth, "divergence": 0.51});
    let rows = json!([
        row(json!(["<script>alert(1)</script>"]), json!(null)),
        row(json!(["one\u{7}", "two"]), json!("good")),
        row(json!(null), json!("good")),
    ]);
    let shown = page(&browser, &id, &rows).await;
    for text in [
        "<h2>Changed answers</h2>",
        "&lt;script&gt;alert(1)",
        "one\u{fffd} | two",
        "good (93.10 %)",
        "<b>bad (51 %)</b>",
        "<th>Truth</th>",
        "0.5100",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let rows = json!([row(json!(null), json!(null))]);
    assert!(!page(&browser, &id, &rows).await.contains("<th>Truth</th>"));
    let shown = page(&browser, &id, &json!([])).await;
    assert!(
        !shown.contains("Changed answers") && shown.contains("Quality"),
        "{shown}"
    );
}
