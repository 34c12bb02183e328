//! What the buttons do.

use optin::job::store::JobStore;
use optin::job::{JobId, Scope, State};

use super::browser::Browser;

async fn state(browser: &Browser, id: JobId) -> State {
    browser
        .harness
        .jobs
        .get(&Scope::Service, id)
        .await
        .unwrap()
        .state
}

fn id_in(location: &str) -> JobId {
    location.strip_prefix("/jobs/").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_job_is_canceled_run_again_and_deleted() {
    let browser = Browser::new().await;
    let id = browser.harness.create_job().await;
    let canceled = browser.send_form(&format!("/jobs/{id}/cancel"), &[]).await;
    assert_eq!(id_in(canceled.location()), id);
    assert_eq!(state(&browser, id).await, State::Canceled);
    let again = browser.send_form(&format!("/jobs/{id}/retry"), &[]).await;
    let next = id_in(again.location());
    assert_eq!(state(&browser, next).await, State::Queued);
    // An active job cannot be deleted; the page says so.
    let refused = browser
        .send_form(&format!("/jobs/{next}/delete"), &[])
        .await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.text().contains("cancel it before deleting it"),
        "{}",
        refused.text()
    );
    let page = browser.page(&format!("/jobs/{id}")).await;
    assert!(page.contains("This cannot be undone"), "{page}");
    let deleted = browser.send_form(&format!("/jobs/{id}/delete"), &[]).await;
    assert_eq!(deleted.location(), "/");
    assert_eq!(browser.open(&format!("/jobs/{id}")).await.status, 404);
}

#[tokio::test]
async fn another_target_makes_a_job_from_the_same_scores() {
    let browser = Browser::new().await;
    let id = browser.harness.create_job().await;
    let lease = browser.harness.claim().await;
    browser.harness.succeed(&lease, "report.json", b"{}").await;
    let created = browser
        .send_form(&format!("/jobs/{id}/resolve"), &[("percent", "35")])
        .await;
    let next = browser
        .harness
        .jobs
        .get(&Scope::Service, id_in(created.location()))
        .await
        .unwrap();
    assert_eq!((next.retry_of, next.recipe.target.keep), (Some(id), 0.35));
    let wrong = browser
        .send_form(&format!("/jobs/{id}/resolve"), &[("percent", "many")])
        .await;
    assert_eq!(wrong.status, 422);
}

#[tokio::test]
async fn several_jobs_are_canceled_and_compared() {
    let browser = Browser::new().await;
    let (a, b) = (
        browser.harness.create_job().await,
        browser.harness.create_job().await,
    );
    let c = browser.harness.create_job().await;
    let (first, second) = (a.to_string(), b.to_string());
    let selected = [("job", first.as_str()), ("job", &second)];
    let compared = browser
        .send_form(
            "/jobs/selected",
            &[&selected[..], &[("action", "compare")]].concat(),
        )
        .await;
    assert_eq!(compared.location(), format!("/compare?job={a}&job={b}"));
    assert!(
        browser
            .page(compared.location())
            .await
            .contains("Compare 2 jobs")
    );
    let done = browser
        .send_form(
            "/jobs/selected",
            &[&selected[..], &[("action", "cancel")]].concat(),
        )
        .await;
    assert!(done.text().contains("Canceled 2 jobs"), "{}", done.text());
    assert_eq!(state(&browser, a).await, State::Canceled);
    assert_eq!(state(&browser, c).await, State::Queued);
    let none = browser
        .send_form("/jobs/selected", &[("action", "cancel")])
        .await;
    assert_eq!(none.status, 400);
}

#[tokio::test]
async fn all_jobs_that_match_are_canceled_after_a_confirmation() {
    let browser = Browser::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(browser.harness.create_job().await);
    }
    let fields = [("action", "cancel-matching"), ("model", "file:///models/a")];
    let asked = browser.send_form("/jobs/selected", &fields).await;
    assert!(asked.text().contains("Cancel 5 jobs?"), "{}", asked.text());
    assert_eq!(state(&browser, ids[0]).await, State::Queued);
    let other = [
        ("action", "cancel-matching"),
        ("model", "file:///models/other"),
        ("confirmed", "yes"),
    ];
    let done = browser.send_form("/jobs/selected", &other).await;
    assert!(done.text().contains("Canceled 0 jobs"), "{}", done.text());
    let done = browser
        .send_form(
            "/jobs/selected",
            &[&fields[..], &[("confirmed", "yes")]].concat(),
        )
        .await;
    assert!(done.text().contains("Canceled 5 jobs"), "{}", done.text());
    for id in ids {
        assert_eq!(state(&browser, id).await, State::Canceled);
    }
}
