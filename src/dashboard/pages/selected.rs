//! `POST /jobs/selected`: cancels or repeats several jobs.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::actions::path;
use super::compare;
use super::jobs::filter::Filter;
use crate::dashboard::api::Visitor;
use crate::dashboard::form::Form;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::layout::{Page, Tab};
use crate::dashboard::wire::counts::Counts;
use crate::dashboard::wire::job::{Job, Jobs};
use crate::job::State;
use crate::quantity::grouped;

/// Maximum number of jobs of one request.
const MOST: usize = 100;

/// What to do with jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Cancel,
    Retry,
}

impl Action {
    fn end(self) -> &'static str {
        match self {
            Self::Cancel => "/cancel",
            Self::Retry => "/retry",
        }
    }

    /// The states in which the action has an effect.
    fn states(self) -> impl Iterator<Item = State> {
        let all = State::ALL.iter().copied();
        all.filter(move |state| state.is_terminal() == (self == Self::Retry))
            .filter(|state| *state != State::Canceling)
    }

    fn done(self, count: usize) -> String {
        let jobs = if count == 1 {
            "1 job".to_owned()
        } else {
            format!("{count} jobs")
        };
        match self {
            Self::Cancel => format!("Canceled {jobs}"),
            Self::Retry => format!("Created {jobs} with the same requests"),
        }
    }
}

/// Carries out the action of the form.
pub(crate) async fn act(visitor: Visitor, form: Form) -> Result<Response, Refusal> {
    let chosen = form.get("action").unwrap_or_default();
    if chosen == "compare" {
        return Ok(Redirect::to(&compare::url(form.all("job"))).into_response());
    }
    let (action, all) = match chosen {
        "cancel" => (Action::Cancel, false),
        "cancel-matching" => (Action::Cancel, true),
        "retry" => (Action::Retry, false),
        "retry-matching" => (Action::Retry, true),
        _ => {
            return Err(Refusal::here(
                StatusCode::BAD_REQUEST,
                "the form names no action; go back and choose one",
            ));
        }
    };
    let filter = Filter::of(form.pairs())?;
    if !all {
        let ids: Vec<String> = form.all("job").take(MOST).map(str::to_owned).collect();
        if ids.is_empty() {
            return Err(Refusal::here(
                StatusCode::BAD_REQUEST,
                "no job is selected; go back and select some",
            ));
        }
        return Ok(finish(&visitor, action, &ids, &filter).await);
    }
    let filter = narrowed(filter, action);
    if form.get("confirmed").is_none() {
        let counts: Counts = visitor.get(&filter.counts_path()).await?;
        return Ok(confirm(
            &visitor,
            action,
            chosen,
            &filter,
            filter.matching(&counts),
        ));
    }
    let mut ids = Vec::new();
    let mut cursor = None;
    while ids.len() < MOST {
        let page = Filter {
            cursor,
            ..filter.clone()
        };
        let page: Jobs = visitor.get(&page.list_path()?).await?;
        ids.extend(page.data.into_iter().map(|job| job.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    ids.truncate(MOST);
    Ok(finish(&visitor, action, &ids, &filter).await)
}

/// The filter, without states in which the action has no effect.
fn narrowed(filter: Filter, action: Action) -> Filter {
    let own = |state: &State| {
        filter.state.is_empty() || filter.state.iter().any(|own| own == state.as_str())
    };
    let state = action
        .states()
        .filter(own)
        .map(|state| state.as_str().to_owned());
    let state: Vec<String> = state.collect();
    // An empty list would mean all states.
    let state = if state.is_empty() {
        vec![State::Canceling.as_str().to_owned()]
    } else {
        state
    };
    Filter { state, ..filter }
}

fn confirm(
    visitor: &Visitor,
    action: Action,
    chosen: &str,
    filter: &Filter,
    count: u64,
) -> Response {
    let body = html! {
        form.narrow method="post" action="/jobs/selected" {
            @let number = grouped(count);
            h1 { @match action {
                Action::Cancel => { "Cancel " (number) " jobs?" },
                Action::Retry => { "Run " (number) " jobs again?" },
            } }
            p { @match action {
                Action::Cancel => "Queued jobs end at once. Running jobs end within seconds, and their attempts have no result. Completed stages stay in the stage cache, so that a later run continues after them.",
                Action::Retry => "Creates a new job with the same request for each job that matches and has ended.",
            } }
            @if count > MOST as u64 { p { "At most " (MOST) " jobs are handled at once, the newest first." } }
            (filter.hidden())
            input type="hidden" name="confirmed" value="yes";
            p.bar {
                button.primary name="action" value=(chosen) disabled[count == 0] { "Yes" }
                a.button href=(filter.url()) { "No" }
            }
        }
    };
    Page::new("Confirm", Tab::Jobs)
        .session(visitor.has_session)
        .render(&body)
}

async fn finish(visitor: &Visitor, action: Action, ids: &[String], filter: &Filter) -> Response {
    let mut done: Vec<Job> = Vec::new();
    let mut failed: Vec<(&str, String)> = Vec::new();
    for id in ids {
        let answer = match path(id, action.end()) {
            Ok(path) => visitor.post(&path, None).await,
            Err(refusal) => Err(refusal),
        };
        match answer {
            Ok(job) => done.push(job),
            Err(refusal) if refusal.is_unauthenticated() => return refusal.into_response(),
            Err(refusal) => failed.push((id, refusal.problem.detail)),
        }
    }
    let body = html! {
        div.narrow {
            h1 { (action.done(done.len())) }
            (links(&done))
            @if !failed.is_empty() {
                h2 { (failed.len()) " could not be handled" }
                ul.plain { @for (id, why) in &failed { li { code { (id) } br; (why) } } }
            }
            p { a.button href=(filter.page(None)) { "Back to the jobs" } }
        }
    };
    Page::new("Done", Tab::Jobs)
        .session(visitor.has_session)
        .render(&body)
}

fn links(jobs: &[Job]) -> Markup {
    html! {
        ul.plain { @for job in jobs { li { a href={ "/jobs/" (job.id) } { (job.model_name()) " " span.faint { (job.id) } } } } }
    }
}
