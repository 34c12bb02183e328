//! The page of operations.

use optin::job::key::KeyScope;
use optin::job::queue::{Crew, Device};
use optin::job::store::JobStore;
use serde_json::json;

use super::browser::Browser;

#[tokio::test]
async fn workers_keys_webhooks_and_the_audit_log_are_shown() {
    let mut browser = Browser::with_keys().await;
    browser.sign_in("research", KeyScope::Admin).await;
    let page = browser.page("/operations").await;
    assert!(page.contains("No process runs workers"), "{page}");
    let crew = Crew {
        name: "node-7".into(),
        device: Device::Cpu,
        workers: 3,
    };
    browser.harness.jobs.note_crew(&crew).await.unwrap();
    let page = browser.page("/operations").await;
    assert!(page.contains("node-7"), "{page}");
    // A new key is shown once.
    let created = browser
        .send_form(
            "/operations/keys",
            &[("name", "<b>laptop</b>"), ("scope", "read")],
        )
        .await;
    assert_eq!(created.status, 200, "{}", created.text());
    assert_eq!(created.header("cache-control"), "no-store");
    let text = created.text();
    let key = text
        .split("optk_")
        .nth(1)
        .map(|rest| format!("optk_{}", &rest[..97]))
        .unwrap();
    let page = browser.page("/operations").await;
    assert!(
        !page.contains("optk_") && page.contains("&lt;b&gt;laptop&lt;/b&gt;"),
        "{page}"
    );
    assert!(page.contains("POST /v1/keys"), "{page}");
    let authorization = format!("Bearer {key}");
    let with_key = async || {
        browser
            .harness
            .send("GET", "/v1/jobs", &[("authorization", &authorization)], "")
            .await
            .status
    };
    assert_eq!(with_key().await, 200);
    let revoked = browser
        .send_form("/operations/keys/revoke", &[("id", &key[5..37])])
        .await;
    assert_eq!(revoked.location(), "/operations");
    assert_eq!(with_key().await, 401);
}

#[tokio::test]
async fn a_webhook_is_created_with_its_events_and_deleted() {
    let browser = Browser::new().await;
    let page = browser.page("/operations").await;
    for (event, checked) in [
        ("job.started", false),
        ("job.succeeded", true),
        ("job.failed", true),
        ("job.canceled", true),
        ("job.expired", true),
    ] {
        let field = format!(
            "name=\"events\" value=\"{event}\"{}",
            if checked { " checked" } else { ">" }
        );
        assert!(page.contains(&field), "{field}: {page}");
    }
    assert!(!page.contains("value=\"webhook.test\""), "{page}");
    let url = "https://receiver.example/<hook>";
    let create =
        async |fields: &[(&str, &str)]| browser.send_form("/operations/webhooks", fields).await;
    let fields = [
        ("url", url),
        ("events", "job.started"),
        ("events", "job.failed"),
    ];
    // Another site cannot create or delete one.
    let foreign = browser
        .send_form_from("cross-site", "/operations/webhooks", &fields)
        .await;
    assert_eq!(foreign.status, 403);
    let created = create(&fields).await;
    assert_eq!(created.status, 200, "{}", created.text());
    assert_eq!(created.header("cache-control"), "no-store");
    assert!(created.text().contains("whsec_"), "{}", created.text());
    let listed = browser.harness.get("/v1/webhooks").await.json()["data"].clone();
    assert_eq!(listed[0]["events"], json!(["job.started", "job.failed"]));
    let page = browser.page("/operations").await;
    assert!(
        !page.contains("whsec_") && !page.contains("<hook>"),
        "{page}"
    );
    // What is wrong stands at the form, which keeps what was filled in.
    for (fields, detail) in [
        (&[("url", url)][..], "choose at least one event"),
        (
            &[("url", "http://10.0.0.1/a"), ("events", "job.failed")],
            "https",
        ),
    ] {
        let rejected = create(fields).await;
        assert_eq!(rejected.status, 422);
        let page = rejected.text();
        let form = page.split("id=\"create-webhook\"").nth(1).unwrap();
        assert!(form.starts_with(" open>"), "{form}");
        assert!(form.contains(detail), "{detail}: {form}");
        let kept = fields[0].1.replace('<', "&lt;").replace('>', "&gt;");
        assert!(form.contains(&format!("value=\"{kept}\"")), "{form}");
    }
    let id = listed[0]["id"].as_str().unwrap();
    let path = "/operations/webhooks/delete";
    let foreign = browser
        .send_form_from("same-site", path, &[("id", id)])
        .await;
    assert_eq!(foreign.status, 403);
    let deleted = browser.send_form(path, &[("id", id)]).await;
    assert_eq!(deleted.location(), "/operations");
    assert_eq!(
        browser.harness.get("/v1/webhooks").await.json()["data"],
        json!([])
    );
    for wrong in [id, "../keys", ""] {
        let refused = browser.send_form(path, &[("id", wrong)]).await;
        assert_eq!(refused.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn a_key_without_the_scope_sees_what_it_lacks() {
    let mut browser = Browser::with_keys().await;
    browser.sign_in("research", KeyScope::Write).await;
    let refused = browser.open("/operations").await;
    assert_eq!(refused.status, 403);
    assert!(
        refused
            .text()
            .contains("requires an API key with the scope admin; yours has write"),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn a_webhook_is_tested_and_an_event_is_delivered_again() {
    let browser = Browser::new().await;
    let webhook = json!({"url": "https://receiver.example/<hook>", "events": ["job.succeeded"]});
    let created = browser.harness.post("/v1/webhooks", &webhook).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let page = browser.page("/operations").await;
    assert!(page.contains("Nothing was delivered yet."), "{page}");
    assert!(
        page.contains("receiver.example") && !page.contains("<hook>"),
        "{page}"
    );
    let tested = browser.send_form("/operations/test", &[("id", &id)]).await;
    assert_eq!(tested.location(), "/operations#webhooks");
    let deliveries = format!("/v1/webhooks/{id}/deliveries");
    let delivery = browser.harness.get(&deliveries).await.json()["data"][0].clone();
    assert_eq!(delivery["event"], "webhook.test");
    let page = browser.page("/operations").await;
    assert!(
        page.contains("webhook.test") && page.contains("pending"),
        "{page}"
    );
    let again = [
        ("webhook", id.as_str()),
        ("id", delivery["id"].as_str().unwrap()),
    ];
    let again = browser.send_form("/operations/redeliver", &again).await;
    assert_eq!(again.location(), "/operations#webhooks");
    for wrong in ["wh_x", "../../jobs", ""] {
        let refused = browser
            .send_form("/operations/test", &[("id", wrong)])
            .await;
        assert_eq!(refused.status, 404, "{wrong}");
    }
}
