//! Every page: headers, escaping, and the parts of a job.

use optin::job::store::retention::Expiry;
use optin::job::store::{JobStore, Outcome};
use optin::prune::failure::{Code, Failure};
use serde_json::json;

use super::browser::Browser;
use crate::api::harness::request;

const HOSTILE: &str = "<script>alert(1)</script>\"' onload='x' &amp;";

/// The attribute values of a page whose names begin so.
fn attributes<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let rest = page.split(name).skip(1);
    rest.filter_map(|rest| rest.strip_prefix("=\"")?.split('"').next())
}

async fn check(browser: &Browser, path: &str, status: u16) {
    let response = browser.open(path).await;
    assert_eq!(response.status, status, "{path}: {}", response.text());
    let policy = response.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'self'; script-src 'self'; style-src 'self'"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    assert_eq!(response.header("x-content-type-options"), "nosniff");
    assert_eq!(response.header("referrer-policy"), "same-origin");
    assert!(response.header("cache-control").contains("no-"), "{path}");
    let page = response.text();
    assert!(
        page.starts_with("<!DOCTYPE html><html lang=\"en\""),
        "{page}"
    );
    assert_eq!(page.matches("<h1").count(), 1, "{path} has one title");
    assert!(
        !page.contains(" style=") && !page.contains("<style"),
        "{path}"
    );
    for script in page.split("<script").skip(1) {
        assert!(script.starts_with(" src=\"/assets/"), "{path}: {script}");
        assert!(
            script.split_once('>').unwrap().1.starts_with("</script>"),
            "{path}"
        );
    }
    let own = |url: &str| url.starts_with('/') && !url.starts_with("//") || url.starts_with('#');
    for url in ["href", "src", "action"]
        .into_iter()
        .flat_map(|name| attributes(&page, name))
    {
        assert!(own(url), "{path} leads to {url}");
    }
    for event in ["onclick", "onload", "onerror", "onsubmit"] {
        assert!(
            attributes(&page, event).next().is_none(),
            "{path} has {event}"
        );
    }
}

#[tokio::test]
async fn every_page_has_a_strict_policy_and_no_script_or_style_in_it() {
    let browser = Browser::new().await;
    check(&browser, "/", 200).await;
    let succeeded = browser.harness.create_job().await;
    let lease = browser.harness.claim().await;
    browser.harness.succeed(&lease, "report.json", b"{}").await;
    let failed = browser.harness.create_job().await;
    let lease = browser.harness.claim().await;
    let failure = Failure::new(Code::InvalidData, HOSTILE);
    browser
        .harness
        .jobs
        .finish(&lease, Outcome::Failed(failure))
        .await
        .unwrap();
    let running = browser.harness.create_job().await;
    browser.harness.claim().await;
    let queued = browser.harness.create_job().await;
    for path in ["/", "/?state=failed", "/?model=x", "/new", "/operations"] {
        check(&browser, path, 200).await;
    }
    for id in [succeeded, failed, running, queued] {
        check(&browser, &format!("/jobs/{id}"), 200).await;
    }
    check(
        &browser,
        &format!("/compare?job={succeeded}&job={failed}"),
        200,
    )
    .await;
    check(&browser, &format!("/new?from={failed}"), 200).await;
    check(&browser, "/compare?job=x", 400).await;
    check(
        &browser,
        "/jobs/job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10",
        404,
    )
    .await;
    check(&browser, "/jobs/..%2Fkeys", 404).await;
    check(&browser, "/?until=yesterday", 400).await;
    check(&browser, "/?cursor=x", 400).await;
}

#[tokio::test]
async fn hostile_texts_are_shown_and_not_run() {
    let browser = Browser::new().await;
    let mut body = request();
    body["model"]["uri"] = json!(format!("file:///models/{HOSTILE}"));
    body["calibration"]["uri"] = json!(HOSTILE);
    body["labels"] = json!({HOSTILE.chars().take(40).collect::<String>(): "</td><img src=x>"});
    let response = browser.harness.post("/v1/jobs", &body).await;
    assert_eq!(response.status, 202, "{}", response.text());
    let id = response.json()["id"].as_str().unwrap().to_owned();
    let lease = browser.harness.claim().await;
    let failure = Failure::new(Code::InvalidData, format!("{HOSTILE} is wrong"));
    browser
        .harness
        .jobs
        .finish(&lease, Outcome::Failed(failure))
        .await
        .unwrap();
    let query = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect::<String>();
    for path in [
        "/".to_owned(),
        format!("/jobs/{id}"),
        format!("/new?from={id}"),
        format!("/?model={query}"),
        format!("/compare?job={id}&job={id}"),
    ] {
        let page = browser.page(&path).await;
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("onload"),
            "{path}"
        );
        assert!(
            !page.contains("<script>") && !page.contains("<img"),
            "{path}"
        );
        assert!(!page.contains("\"' onload"), "{path}");
    }
}

#[tokio::test]
async fn a_failed_job_shows_its_remedy_before_the_reason() {
    let browser = Browser::new().await;
    let id = browser.harness.create_job().await;
    let lease = browser.harness.claim().await;
    let failure = Failure::new(Code::UnsafeFormat, "model.bin is a pickle");
    browser
        .harness
        .jobs
        .finish(&lease, Outcome::Failed(failure))
        .await
        .unwrap();
    let page = browser.page(&format!("/jobs/{id}")).await;
    let remedy = page.find("Save the weights as safetensors").unwrap();
    assert!(remedy < page.find("model.bin is a pickle").unwrap());
    assert!(page.contains("<code>unsafe_format</code>"));
}

#[tokio::test]
async fn a_result_shows_its_figures_and_leads_to_signed_downloads() {
    let browser = Browser::new().await;
    let id = browser.harness.create_job().await;
    let lease = browser.harness.claim().await;
    let card = "---\nlibrary_name: transformers\n---\n# Model\n\n## Use\n\n```python\nfrom transformers import X\n```\n\n\
                ## Use in ONNX Runtime\n\n```python\nimport onnxruntime\n```\n";
    browser
        .harness
        .succeed(&lease, "README.md", card.as_bytes())
        .await;
    let page = browser.page(&format!("/jobs/{id}")).await;
    assert!(page.contains("Quality") && page.contains("Speed"), "{page}");
    assert!(
        page.contains("<h3>transformers</h3>")
            && page.contains("<code>from transformers import X</code>"),
        "{page}"
    );
    assert!(
        page.contains("<h3>ONNX Runtime</h3>") && page.contains("<code>import onnxruntime</code>"),
        "{page}"
    );
    let sum = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(card));
    assert!(page.contains(&sum));
    let href = format!("/jobs/{id}/files/README.md");
    assert!(page.contains(&format!("href=\"{href}\"")));
    let signed = browser.open(&href).await;
    let url = signed.location();
    let path = url.strip_prefix("https://optin.example").unwrap();
    let file = browser.harness.get(path).await;
    assert_eq!((file.status.as_u16(), file.text()), (200, card.to_owned()));
    let missing = browser.open(&format!("/jobs/{id}/files/..%2Fx")).await;
    assert_eq!(missing.status, 404, "{}", missing.text());
}

#[tokio::test]
async fn a_result_whose_files_have_expired_says_so() {
    let browser = Browser::new().await;
    let id = browser.harness.create_job().await;
    let lease = browser.harness.claim().await;
    browser.harness.succeed(&lease, "README.md", b"x").await;
    browser.harness.jobs.note_files_removed(id).await.unwrap();
    let page = browser.page(&format!("/jobs/{id}")).await;
    assert!(
        page.contains("retention period was over; retry the job"),
        "{page}"
    );
    // The report stays.
    assert!(
        page.contains("Quality") && !page.contains("README.md"),
        "{page}"
    );
    let gone = browser.open(&format!("/jobs/{id}/files/README.md")).await;
    assert_eq!(gone.status, 410);
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let browser = Browser::new().await;
    let first = browser.open("/new").await;
    assert_eq!(first.status, 200);
    // The form of a new job has a number that is used once.
    assert_ne!(
        browser.open("/new").await.header("etag"),
        first.header("etag")
    );
    let first = browser.open("/").await;
    let headers = [("if-none-match", first.header("etag"))];
    let again = browser.send("GET", "/", &headers, "").await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    browser.harness.create_job().await;
    let changed = browser.send("GET", "/", &headers, "").await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn files_of_the_pages_are_kept_by_browsers() {
    let browser = Browser::new().await;
    let page = browser.page("/").await;
    let urls = ["href", "src"]
        .into_iter()
        .flat_map(|name| attributes(&page, name));
    let urls: Vec<&str> = urls.filter(|url| url.starts_with("/assets/")).collect();
    assert!(urls.len() >= 4, "{urls:?}");
    for url in urls {
        let response = browser.open(url).await;
        assert_eq!(response.status, 200, "{url}");
        assert!(
            response.header("cache-control").contains("immutable"),
            "{url}"
        );
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert!(response.bytes.len() > 100);
    }
    assert_eq!(browser.open("/assets/none.js").await.status, 404);
    // The API and its documentation are where they were.
    assert_eq!(browser.open("/docs/").await.status, 200);
    browser.open("/nothing").await.problem(404, "not_found");
}
