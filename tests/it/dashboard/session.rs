//! Sign-in, sessions, and requests from other sites.

use optin::dashboard::{Sessions, with_pages};
use optin::job::Scope;
use optin::job::key::KeyScope;
use optin::job::store::keys::KeyStore;
use std::num::NonZeroU32;
use tower::ServiceExt;

use super::browser::Browser;
use crate::api::harness::{Harness, Options, URL, request};

#[tokio::test]
async fn a_session_lasts_until_its_key_is_revoked() {
    let mut browser = Browser::with_keys().await;
    assert_eq!(browser.open("/").await.location(), "/sign-in");
    assert!(
        browser
            .page("/sign-in")
            .await
            .contains("name=\"key\" type=\"password\"")
    );
    let key = browser.sign_in("a", KeyScope::Write).await;
    let cookie = browser.cookie.clone().unwrap();
    // The cookie does not contain the key.
    let secret = key.reveal();
    assert!(
        !cookie.contains(&secret[5..37]) && !cookie.contains(&secret[38..]),
        "{cookie}"
    );
    let page = browser.page("/").await;
    assert!(
        page.contains("Sign out") && !page.contains(&secret),
        "{page}"
    );
    assert_eq!(browser.open("/sign-in").await.location(), "/");
    // The API accepts no cookies.
    browser
        .open("/v1/jobs")
        .await
        .problem(401, "unauthenticated");
    browser
        .harness
        .jobs
        .revoke_key(&Scope::Service, key.id())
        .await
        .unwrap();
    assert_eq!(browser.open("/").await.location(), "/sign-in");
    let told = browser.page("/sign-in").await;
    assert!(told.contains("Your session has ended"), "{told}");
    let script = browser.open("/session/v1/jobs").await;
    script.problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_wanted_page_opens_after_the_sign_in() {
    let mut browser = Browser::with_keys().await;
    let key = browser.create_key("a", KeyScope::Read).await.reveal();
    let place = browser.open("/?state=failed").await.location().to_owned();
    assert_eq!(place, "/sign-in?next=%2F%3Fstate%3Dfailed");
    let form = browser.page(&place).await;
    assert!(
        form.contains("name=\"next\" value=\"/?state=failed\""),
        "{form}"
    );
    for (next, opened) in [
        ("/?state=failed", "/?state=failed"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
    ] {
        let response = browser
            .send_form("/sign-in", &[("key", &key), ("next", next)])
            .await;
        assert_eq!(response.location(), opened);
    }
    // A link of another site sends no cookie, so the browser is made to ask again.
    let linked = browser
        .send(
            "GET",
            "/operations?a=%22b",
            &[("sec-fetch-site", "cross-site")],
            "",
        )
        .await;
    assert_eq!(linked.status, 401);
    let text = linked.text();
    assert!(
        text.contains("http-equiv=\"refresh\" content=\"0;url=/operations?a=%22b\""),
        "{text}"
    );
    browser.sign_in("a", KeyScope::Admin).await;
    let linked = browser
        .send(
            "GET",
            "/operations",
            &[("sec-fetch-site", "cross-site")],
            "",
        )
        .await;
    assert_eq!(linked.status, 200);
}

#[tokio::test]
async fn the_cookie_has_its_attributes_and_sign_out_removes_it() {
    let mut browser = Browser::with_keys().await;
    let key = browser.create_key("a", KeyScope::Read).await;
    let response = browser
        .send_form("/sign-in", &[("key", &key.reveal())])
        .await;
    let cookie = response.header("set-cookie");
    assert!(cookie.starts_with("__Host-optin_session="), "{cookie}");
    for attribute in [
        "; Path=/",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Secure",
        "; Max-Age=43200",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    browser.sign_in("a", KeyScope::Read).await;
    let out = browser.send_form("/sign-out", &[]).await;
    assert_eq!(out.location(), "/sign-in");
    let cookie = out.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-optin_session=;") && cookie.contains("; Max-Age=0"),
        "{cookie}"
    );
}

#[tokio::test]
async fn invalid_keys_are_rejected_and_guesses_are_limited() {
    let few = NonZeroU32::new(5).unwrap();
    let mut options = Options {
        keys_required: true,
        ..Options::default()
    };
    options.limits.rate = NonZeroU32::MIN;
    options.limits.burst = few;
    let browser = Browser {
        harness: Harness::with(options).await,
        cookie: None,
    };
    let key = browser.create_key("a", KeyScope::Read).await.reveal();
    let wrong = format!(
        "{}{}",
        &key[..key.len() - 1],
        if key.ends_with('0') { '1' } else { '0' }
    );
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let response = browser.send_form("/sign-in", &[("key", &wrong)]).await;
        assert!(response.headers.get("set-cookie").is_none());
        statuses.push(response.status.as_u16());
    }
    assert_eq!(statuses[..5], [403; 5]);
    assert!(statuses[5..].contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn a_text_that_no_header_can_have_is_not_the_key_of_the_session() {
    let mut browser = Browser::with_keys().await;
    browser.sign_in("a", KeyScope::Read).await;
    let response = browser.send_form("/sign-in", &[("key", "a\nb")]).await;
    assert_eq!(response.status, 403);
    assert!(response.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn a_key_for_metrics_cannot_sign_in() {
    let browser = Browser::with_keys().await;
    let key = browser.create_key("a", KeyScope::Metrics).await;
    let response = browser
        .send_form("/sign-in", &[("key", &key.reveal())])
        .await;
    assert_eq!(response.status, 403);
    assert!(
        response.text().contains("scope read"),
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn a_job_of_another_tenant_does_not_exist() {
    let mut browser = Browser::with_keys().await;
    browser.sign_in("a", KeyScope::Write).await;
    let fields = [
        ("model.uri", "file:///m"),
        ("calibration.uri", "file:///c"),
        ("target.value", "50"),
        ("action", "create"),
    ];
    let created = browser.send_form("/new", &fields).await;
    let path = created.location().to_owned();
    assert_eq!(browser.open(&path).await.status, 200);
    browser.cookie = None;
    browser.sign_in("b", KeyScope::Admin).await;
    assert_eq!(browser.open(&path).await.status, 404);
    for action in ["cancel", "retry", "delete"] {
        let response = browser.send_form(&format!("{path}/{action}"), &[]).await;
        assert_eq!(response.status, 404, "{action}");
    }
    assert!(
        !browser
            .page("/")
            .await
            .contains(path.trim_start_matches("/jobs/"))
    );
}

#[tokio::test]
async fn requests_from_other_sites_are_rejected() {
    let mut browser = Browser::with_keys().await;
    browser.sign_in("a", KeyScope::Admin).await;
    let forms = [
        "/jobs/selected",
        "/new",
        "/sign-out",
        "/sign-in",
        "/operations/keys",
        "/session/v1/jobs",
    ];
    for path in forms {
        for site in ["cross-site", "same-site", "none"] {
            let response = browser
                .send_form_from(site, path, &[("action", "cancel")])
                .await;
            assert_eq!(response.status, 403, "{path} from {site}");
        }
        let bare = browser
            .send("POST", path, &[("content-type", "application/json")], "{}")
            .await;
        assert_eq!(bare.status, 403, "{path}");
        let origin = [
            ("origin", "https://evil.example"),
            ("content-type", "application/json"),
        ];
        assert_eq!(
            browser.send("POST", path, &origin, "{}").await.status,
            403,
            "{path}"
        );
    }
    let own = [("origin", URL), ("content-type", "application/json")];
    let response = browser
        .send("POST", "/session/v1/jobs", &own, request().to_string())
        .await;
    assert_eq!(response.status, 202, "{}", response.text());
}

#[tokio::test]
async fn scripts_call_the_api_with_the_session() {
    let mut browser = Browser::with_keys().await;
    browser.sign_in("a", KeyScope::Read).await;
    let list = browser.open("/session/v1/jobs?limit=5").await;
    assert_eq!(
        (list.status.as_u16(), &list.json()["data"]),
        (200, &serde_json::json!([]))
    );
    let own = [
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/json"),
    ];
    let refused = browser
        .send("POST", "/session/v1/jobs", &own, request().to_string())
        .await;
    refused.problem(403, "forbidden");
    browser.open("/session/v1/../../docs").await;
}

#[tokio::test]
async fn another_process_with_the_same_secret_accepts_the_session() {
    let mut browser = Browser::with_keys().await;
    browser.sign_in("a", KeyScope::Read).await;
    let api = browser.harness.router();
    for (secret, status) in [([2; 32], 200), ([3; 32], 303)] {
        let other = with_pages(api.clone(), Sessions::new(&secret, URL));
        let request = axum::http::Request::get("/").header("host", "optin.example");
        let request = request.header("cookie", browser.cookie.clone().unwrap());
        let response = other
            .oneshot(request.body(axum::body::Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), status);
    }
}
