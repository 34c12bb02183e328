//! The list of jobs.

use optin::job::Scope;
use optin::job::queue::{Crew, Device};
use optin::job::store::JobStore;
use serde_json::json;

use super::browser::Browser;
use crate::api::harness::request;

async fn create(browser: &Browser, model: &str, team: &str) -> String {
    let mut body = request();
    body["model"]["uri"] = json!(format!("file:///models/{model}"));
    body["labels"] = json!({"team": team});
    let response = browser.harness.post("/v1/jobs", &body).await;
    response.json()["id"].as_str().unwrap().to_owned()
}

/// The ids of the jobs in the table, in their order.
fn ids(page: &str) -> Vec<String> {
    let boxes = page.split("name=\"job\" value=\"").skip(1);
    boxes
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_empty_installation_tells_how_to_make_the_first_job() {
    let browser = Browser::new().await;
    let page = browser.page("/").await;
    assert!(
        page.contains("No jobs yet") && page.contains("href=\"/new\""),
        "{page}"
    );
    create(&browser, "a", "x").await;
    assert!(!browser.page("/").await.contains("No jobs yet"));
    let none = browser.page("/?state=failed").await;
    assert!(none.contains("No job matches these filters."), "{none}");
}

#[tokio::test]
async fn filters_stand_in_the_url_and_counts_are_under_the_other_filters() {
    let browser = Browser::new().await;
    let first = create(&browser, "a", "x").await;
    let second = create(&browser, "a", "y").await;
    let third = create(&browser, "b", "x").await;
    browser
        .harness
        .jobs
        .request_cancel(&Scope::Service, second.parse().unwrap())
        .await
        .unwrap();
    let all = browser.page("/").await;
    assert_eq!(ids(&all), [&*third, &*second, &*first]);
    assert!(all.contains("All <span class=\"count\">3</span>"), "{all}");
    assert!(
        all.contains("Queued <span class=\"count\">2</span>"),
        "{all}"
    );
    let queued = browser
        .page("/?state=queued&model=file%3A%2F%2F%2Fmodels%2Fa")
        .await;
    assert_eq!(ids(&queued), [&*first]);
    assert!(
        queued.contains("Canceled <span class=\"count\">1</span>"),
        "{queued}"
    );
    // The tabs keep the other filters.
    assert!(
        queued.contains("href=\"/?state=canceled&amp;model=file%3A%2F%2F%2Fmodels%2Fa\""),
        "{queued}"
    );
    assert_eq!(
        ids(&browser.page("/?label=team%3Ax").await),
        [&*third, &*first]
    );
    assert_eq!(ids(&browser.page("/?until=2999-01-01").await).len(), 3);
    assert_eq!(ids(&browser.page("/?until=2020-01-01").await).len(), 0);
}

#[tokio::test]
async fn thousands_of_jobs_are_paged() {
    let browser = Browser::new().await;
    let mut created = Vec::new();
    for _ in 0..120 {
        created.push(create(&browser, "a", "x").await);
    }
    created.reverse();
    let (mut seen, mut path, mut pages) = (Vec::new(), "/?label=team%3Ax".to_owned(), 0);
    loop {
        let page = browser.page(&path).await;
        seen.extend(ids(&page));
        pages += 1;
        let Some((_, rest)) = page.split_once("rel=\"next\" href=\"") else {
            break;
        };
        path = rest.split('"').next().unwrap().replace("&amp;", "&");
        assert!(path.contains("label=team%3Ax"), "{path}");
    }
    assert_eq!((seen, pages), (created, 3));
}

#[tokio::test]
async fn a_queued_job_shows_what_it_waits_for() {
    let browser = Browser::new().await;
    create(&browser, "a", "x").await;
    let id = create(&browser, "a", "x").await;
    let list = browser.page("/").await;
    assert!(list.contains("waits for a free cpu worker"), "{list}");
    let page = browser.page(&format!("/jobs/{id}")).await;
    assert!(page.contains("No worker runs for the device cpu"), "{page}");
    let crew = Crew {
        name: "node".into(),
        device: Device::Cpu,
        workers: 2,
    };
    browser.harness.jobs.note_crew(&crew).await.unwrap();
    let page = browser.page(&format!("/jobs/{id}")).await;
    assert!(page.contains("1 of your jobs starts before it."), "{page}");
    browser.harness.claim().await;
    let page = browser.page(&format!("/jobs/{id}")).await;
    assert!(page.contains("This job is the next of yours."), "{page}");
    assert!(
        page.contains("1 of your jobs runs now, on 2 cpu workers."),
        "{page}"
    );
}
