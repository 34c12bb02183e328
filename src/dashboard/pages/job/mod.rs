//! `GET /jobs/{id}`: one job.

mod changed;
mod failure;
mod files;
mod head;
mod log;
pub(crate) mod request;
mod result;
mod steps;
mod usage;
mod waiting;

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::actions::{file_path, path};
use crate::dashboard::api::Visitor;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::layout::{Page, Tab};
use crate::dashboard::wire::event::{Event, Events};
use crate::dashboard::wire::frontier::Frontier;
use crate::dashboard::wire::job::{Job, Position};
use crate::dashboard::wire::keep_map::KeepMap;
use crate::dashboard::wire::moment::Moment;
use crate::job::State;
use files::Files;
use usage::Example;

/// Interval at which the page of an active job is read again if there are no events.
const BUSY_MS: u32 = 2_000;
/// The same for a job that has ended: it can be deleted, and its files expire.
const IDLE_MS: u32 = 60_000;

/// Maximum number of events of one request to the API, and of such requests.
const EVENTS: usize = 1_000;
const EVENT_PAGES: usize = 10;

/// What the page shows.
struct Details {
    job: Job,
    events: Vec<Event>,
    files: Files,
    position: Option<Position>,
    frontier: Option<Frontier>,
    keep_map: Option<KeepMap>,
    /// The examples in the model card that open the model.
    examples: Vec<Example>,
}

/// Shows a job.
pub(crate) async fn show(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Refusal> {
    let job: Job = visitor.get(&path(&id, "")?).await?;
    let (events, files, position, frontier, keep_map, card) = tokio::join!(
        events(&visitor, &id),
        files(&visitor, &job),
        position(&visitor, &job),
        frontier(&visitor, &job),
        file(&visitor, &job, "keep_map.json"),
        file(&visitor, &job, "README.md"),
    );
    let keep_map = keep_map.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let card = card.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    let details = Details {
        events: events?,
        files: files?,
        position,
        frontier,
        keep_map,
        examples: card.as_deref().map(usage::examples).unwrap_or_default(),
        job,
    };
    let job = &details.job;
    let is_active = !job.state.is_terminal();
    let title = format!("{} · {}", job.model_name(), job.request.target.value);
    let page = Page::new(&title, Tab::Jobs).session(visitor.has_session);
    let page = page.live(if is_active { BUSY_MS } else { IDLE_MS });
    Ok(page.render(&content(&details)))
}

fn content(details: &Details) -> Markup {
    let Details { job, events, .. } = details;
    let now = Moment::now();
    let after = events.last().map_or(0, |event| event.sequence);
    // Events of a job that has ended are complete.
    let stream = (!job.state.is_terminal())
        .then(|| format!("/session/v1/jobs/{}/events/stream?after={after}", job.id));
    html! {
        div #job data-live-part data-stream=[stream] {
            (head::head(job, now))
            @if let Some(error) = &job.error { (failure::failure(job, error)) }
            @if job.state == State::Queued { (waiting::waiting(job, details.position.as_ref(), now)) }
            (steps::steps(job, events, now))
        }
        @if let Some(report) = &job.report {
            (result::result(job, report, details.frontier.as_ref(), details.keep_map.as_ref()))
            (changed::changed(&report.changed_rows))
        }
        div #files data-live-part { (files::files(job, &details.files, now)) }
        (usage::usage(&details.examples))
        (request::request(job))
        div #log data-live-part { (log::log(events)) }
        @if job.state.is_terminal() { (head::delete(job)) }
    }
}

async fn files(visitor: &Visitor, job: &Job) -> Result<Files, Refusal> {
    match visitor.get(&path(&job.id, "/artifacts")?).await {
        Ok(artifacts) => Ok(Files::Here(artifacts)),
        Err(refusal) if refusal.is_gone() => Ok(Files::Gone(refusal.problem.detail)),
        Err(refusal) => Err(refusal),
    }
}

/// What a queued job waits for.
async fn position(visitor: &Visitor, job: &Job) -> Option<Position> {
    match job.state {
        State::Queued => visitor.get(&path(&job.id, "/position").ok()?).await.ok(),
        _ => None,
    }
}

/// The frontier. A job without a result, or whose files were removed, has none.
async fn frontier(visitor: &Visitor, job: &Job) -> Option<Frontier> {
    match job.state {
        State::Succeeded => visitor.get(&path(&job.id, "/frontier").ok()?).await.ok(),
        _ => None,
    }
}

/// A small file of the result, if it exists.
async fn file(visitor: &Visitor, job: &Job, name: &str) -> Option<Bytes> {
    if job.state != State::Succeeded || job.artifacts_expired_at.is_some() {
        return None;
    }
    visitor.file(&file_path(&job.id, name).ok()?).await.ok()
}

async fn events(visitor: &Visitor, id: &str) -> Result<Vec<Event>, Refusal> {
    let (mut all, mut after) = (Vec::new(), 0);
    for _ in 0..EVENT_PAGES {
        let page: Events = visitor
            .get(&path(id, &format!("/events?limit={EVENTS}&after={after}"))?)
            .await?;
        all.extend(page.data);
        after = page.next_after;
        if !page.has_more {
            break;
        }
    }
    Ok(all)
}
