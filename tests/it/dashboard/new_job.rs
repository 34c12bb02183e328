//! The form of a new job.

use optin::job::Scope;
use optin::job::store::{JobFilter, JobStore};
use serde_json::json;

use super::browser::Browser;
use crate::api::harness::request;

const FIELDS: [(&str, &str); 4] = [
    ("model.uri", "file:///models/a"),
    ("calibration.uri", "file:///data/train.tsv"),
    ("target.value", "45"),
    ("once", "0123"),
];

async fn send(browser: &Browser, fields: &[(&str, &str)]) -> crate::api::harness::Response {
    browser
        .send_form("/new", &[&FIELDS[..], fields].concat())
        .await
}

#[tokio::test]
async fn the_form_has_every_setting_of_the_api() {
    let browser = Browser::new().await;
    let page = browser.page("/new").await;
    let document = optin::api::openapi();
    let schemas = &document["components"]["schemas"];
    for (part, schema) in [("method", "Method"), ("constraints", "Constraints")] {
        for name in schemas[schema]["properties"].as_object().unwrap().keys() {
            assert!(
                page.contains(&format!("name=\"{part}.{name}\"")),
                "{part}.{name}"
            );
        }
    }
    for name in [
        "priority",
        "deadline",
        "labels",
        "calibration.mapping.text",
        "evaluation.max_samples",
    ] {
        assert!(page.contains(&format!("name=\"{name}\"")), "{name}");
    }
    assert!(page.contains("<option value=\"after_repair\">"), "{page}");
}

#[tokio::test]
async fn a_job_is_checked_and_created_once() {
    let browser = Browser::new().await;
    let checked = send(&browser, &[("action", "check"), ("method.ridge", "0.5")]).await;
    assert_eq!(checked.status, 200, "{}", checked.text());
    let page = checked.text();
    assert!(
        page.contains("The model and the data can be used."),
        "{page}"
    );
    assert!(page.contains("&quot;ridge&quot;: 0.5"), "{page}");
    assert!(page.contains("value=\"0.5\""), "{page}");
    let settings = [
        ("action", "create"),
        ("method.audit", "true"),
        ("constraints.keep_whole", "encoder.layer.0, encoder.layer.1"),
        ("labels", "team:search, run"),
        ("priority", "7"),
    ];
    let created = send(&browser, &settings).await;
    let again = send(&browser, &settings).await;
    assert_eq!(created.location(), again.location());
    let (jobs, _) = browser
        .harness
        .jobs
        .list(&Scope::Service, &JobFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(jobs.len(), 1);
    let job = &jobs[0];
    assert_eq!(
        (
            job.recipe.target.keep,
            job.priority,
            job.recipe.method.audit
        ),
        (0.45, 7, true)
    );
    assert_eq!(
        job.recipe.constraints.keep_whole,
        ["encoder.layer.0", "encoder.layer.1"]
    );
    assert_eq!(job.labels.get("run").map(String::as_str), Some(""));
}

#[tokio::test]
async fn a_dataset_shows_its_columns_and_rows_before_there_is_a_model() {
    let browser = Browser::new().await;
    let fields = [
        ("calibration.uri", "file:///data/train.tsv"),
        ("evaluation.uri", "file:///data/missing"),
        ("target.value", "60"),
        ("action", "check"),
    ];
    let response = browser.send_form("/new", &fields).await;
    assert_eq!(response.status, 200);
    let page = response.text();
    let found = page.split("id=\"calibration.uri-found\"").nth(1).unwrap();
    let found = found.split("</table>").next().unwrap();
    for text in [
        "68,221 rows",
        "<th>text</th><th>&lt;b&gt;label&lt;/b&gt;</th>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "\u{fffd}[2J",
        "no value",
    ] {
        assert!(found.contains(text), "{text}: {found}");
    }
    assert!(
        !page.contains("<script>alert") && !page.contains('\u{1b}'),
        "{page}"
    );
    // What is wrong with the other one stands at its field.
    let hint = page.split("id=\"evaluation.uri-hint\"").nth(1).unwrap();
    assert!(
        hint.starts_with("><span class=\"wrong\">data not found"),
        "{hint}"
    );
    // With a model, it is known which columns the job reads.
    let checked = send(&browser, &[("action", "check")]).await.text();
    assert!(
        checked.contains("The job reads <code>text</code>."),
        "{checked}"
    );
    assert!(
        checked.contains("<th class=\"unread\">&lt;b&gt;label"),
        "{checked}"
    );
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field() {
    let browser = Browser::new().await;
    for action in ["check", "create"] {
        let response = send(&browser, &[("action", action), ("method.ridge", "-1")]).await;
        assert_eq!(response.status, 422);
        let page = response.text();
        let field = page.split("id=\"method.ridge-hint\"").nth(1).unwrap();
        let hint = field.split("</p>").next().unwrap();
        assert!(
            hint.contains("class=\"wrong\"") && hint.contains("ridge"),
            "{hint}"
        );
        // Nothing that was filled in is lost.
        assert!(
            page.contains("value=\"file:///data/train.tsv\"") && page.contains("value=\"45\""),
            "{page}"
        );
        assert!(page.contains("<details class=\"settings\" open>"), "{page}");
    }
    let missing = send(
        &browser,
        &[
            ("action", "create"),
            ("evaluation.uri", ""),
            ("model.uri", ""),
        ],
    )
    .await;
    assert_eq!(
        missing.status, 303,
        "an empty field is as if it were absent"
    );
}

#[tokio::test]
async fn a_request_can_be_edited_and_run_again() {
    let browser = Browser::new().await;
    let mut body = request();
    body["method"] = json!({"rounds": 2, "units": "heads", "temperature": 4.0});
    body["labels"] = json!({"team": "search"});
    let id = browser.harness.post("/v1/jobs", &body).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = browser.page(&format!("/new?from={id}")).await;
    for field in [
        "name=\"model.uri\" value=\"file:///models/a\"",
        "type=\"number\" min=\"0.000001\" max=\"99.999999\" step=\"any\" value=\"60\"",
        "<option value=\"heads\" selected>",
        "value=\"team:search\"",
    ] {
        assert!(page.contains(field), "{field}: {page}");
    }
    // Defaults stay empty.
    let temperature = page.split("id=\"method.temperature\"").nth(1).unwrap();
    assert!(
        !temperature.split('>').next().unwrap().contains(" value="),
        "{temperature}"
    );
    assert_eq!(browser.open("/new?from=job_x").await.status, 404);
}
