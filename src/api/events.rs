//! `GET /v1/jobs/{id}/events`: a page, or a stream of server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::accept::prefers;
use super::caller::Caller;
use super::extract::{Id, Params};
use super::limits::Reading;
use super::page::check_limit;
use super::problem::Problem;
use super::wire::event::EventBody;
use crate::job::event::Event;
use crate::job::{JobId, Scope};

/// How often a stream looks for news.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A comment is sent after so long without news, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events that are read at once.
const BATCH: usize = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    /// Only events after this sequence number. A stream goes on from the header `Last-Event-ID` where it is given.
    #[param(minimum = 0, default = 0)]
    #[serde(default)]
    after: u32,
    /// Events a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(default = "hundred")]
    limit: usize,
}

fn hundred() -> usize {
    100
}

/// A page of a job's history, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<EventBody>,
    /// `after` of the next page.
    next_after: i64,
    has_more: bool,
}

/// Lists the events of a job, or streams them.
///
/// Returns a page of events. A caller that prefers `text/event-stream` gets a stream until the job ends; 204 when the job has
/// ended and has no event after `Last-Event-ID`.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", tag = "jobs", operation_id = "listJobEvents",
    params(("id" = String, Path, description = "The job"), After,
           ("Last-Event-ID" = Option<String>, Header, description = "Sequence number of the last event that was seen (streams)")),
    security(("api_key" = ["read"])),
    responses(
        (status = 200, description = "A page of events, or a stream", content((EventList = "application/json"), (String = "text/event-stream"))),
        (status = 204, description = "Streams: the job has ended, and no event follows"),
    )
)]
pub(crate) async fn events(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Params(query): Params<After>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check_limit(query.limit, 1_000)?;
    let after = i64::from(query.after);
    if prefers(&headers, "text/event-stream", "application/json") {
        let job = state.jobs.get(&caller.scope(), id).await?;
        let seen = headers
            .get("last-event-id")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse().ok());
        let after = seen.unwrap_or(after);
        // An EventSource reconnects for ever, unless it is told that nothing more comes.
        if job.state.is_terminal()
            && state
                .jobs
                .events(&caller.scope(), id, after, 1)
                .await?
                .is_empty()
        {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let reading = caller.reader()?;
        let stream = follow(state, caller.scope(), reading, id, after);
        return Ok(Sse::new(stream)
            .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
            .into_response());
    }
    let mut found = state
        .jobs
        .events(&caller.scope(), id, after, query.limit + 1)
        .await?;
    let has_more = found.len() > query.limit;
    found.truncate(query.limit);
    let next_after = found.last().map_or(after, |event| event.sequence);
    let data = found.iter().map(EventBody::from).collect();
    Ok(Json(EventList {
        object: "list",
        data,
        next_after,
        has_more,
    })
    .into_response())
}

/// What a stream goes on with.
struct Cursor {
    state: AppState,
    scope: Scope,
    _reading: Reading,
    job: JobId,
    after: i64,
    waiting: std::vec::IntoIter<Event>,
}

/// Events as they come, until the job has ended and everything is told.
fn follow(
    state: AppState,
    scope: Scope,
    reading: Reading,
    job: JobId,
    after: i64,
) -> impl Stream<Item = Result<Sent, Infallible>> {
    let cursor = Cursor {
        state,
        scope,
        _reading: reading,
        job,
        after,
        waiting: Vec::new().into_iter(),
    };
    stream::unfold(cursor, |mut cursor| async move {
        loop {
            if let Some(event) = cursor.waiting.next() {
                cursor.after = event.sequence;
                return Some((Ok(sent(&event)), cursor));
            }
            // The job first: what is told of a job that has ended is complete.
            let ended = cursor
                .state
                .jobs
                .get(&cursor.scope, cursor.job)
                .await
                .ok()?
                .state
                .is_terminal();
            let found = cursor
                .state
                .jobs
                .events(&cursor.scope, cursor.job, cursor.after, BATCH)
                .await
                .ok()?;
            if found.is_empty() {
                if ended {
                    return None;
                }
                // The reader comes back with `Last-Event-ID`, to whoever serves then.
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = cursor.state.stopping.cancelled() => return None,
                }
            }
            cursor.waiting = found.into_iter();
        }
    })
}

fn sent(event: &Event) -> Sent {
    let body = EventBody::from(event);
    let data = serde_json::to_string(&body).unwrap_or_default();
    Sent::default()
        .id(body.sequence.to_string())
        .event(body.kind.as_str())
        .data(data)
}
