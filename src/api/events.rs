//! `GET /v1/jobs/{id}/events` and `GET /v1/jobs/{id}/events/stream`

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

use super::accept::prefers;
use super::caller::Caller;
use super::extract::{Id, Params};
use super::limits::Held;
use super::page::{check_limit, hundred};
use super::problem::Problem;
use super::state::AppState;
use super::wire::event::EventBody;
use crate::job::event::Event;
use crate::job::{JobId, Scope};

/// Interval at which a stream reads new events.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Interval between comments in a stream without events. They keep proxies from closing the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Maximum number of events per read.
const BATCH: usize = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Returns only events with a higher sequence number: `next_after` of the previous page.
    #[param(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64, default = 0)]
    #[serde(default)]
    after: u32,
    /// Maximum number of events per page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(default = "hundred")]
    limit: usize,
}

/// A page of the events of a job, oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = JobEventList)]
pub(crate) struct EventList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The events of this page.
    data: Vec<EventBody>,
    /// `after` of the next page: the sequence number of the last event so far. Never null, because later events may
    /// follow.
    next_after: i64,
    /// Whether another page follows now.
    has_more: bool,
}

/// Lists the events of a job, oldest first.
///
/// Later events may follow until the job has ended. If `Accept` prefers `text/event-stream`, as an `EventSource` does,
/// the response is that of `streamJobEvents`.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", tag = "jobs", operation_id = "listJobEvents",
    params(("id" = String, Path, description = "Id of the job"), After),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "A page of events", body = EventList))
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Params(query): Params<After>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check_limit(query.limit, 1_000)?;
    let after = i64::from(query.after);
    if prefers(&headers, "text/event-stream", "application/json") {
        return streamed(state, caller, id, seen(&headers).unwrap_or(after)).await;
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// Returns only events with a higher sequence number. `Last-Event-ID` takes precedence.
    #[param(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64, default = 0)]
    #[serde(default)]
    after: u32,
}

/// Streams the events of a job.
///
/// Sends server-sent events until the job has ended. In each, `id` is the sequence number, `event` is the type and
/// `data` is a `JobEvent`. A comment is sent every 15 seconds without an event, so that proxies keep the connection
/// open.
///
/// The stream also ends when the service stops. A client that reconnects with `Last-Event-ID` continues after that
/// event. The response is 204 if the job has ended and has no later event, so that an `EventSource` stops reconnecting.
///
/// Specific error: `rate_limited` if the rate limit is exceeded, or if the caller has too many concurrent long polls
/// and event streams, by default 32.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events/stream", tag = "jobs", operation_id = "streamJobEvents",
    params(("id" = String, Path, description = "Id of the job"), Since,
           ("Last-Event-ID" = Option<String>, Header, description = "Sequence number of the last event that the client has received")),
    security(("api_key" = ["read"])),
    responses(
        (status = 200, description = "A stream of events", body = String, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended and has no later event"),
    )
)]
pub(crate) async fn stream(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Params(query): Params<Since>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = seen(&headers).unwrap_or_else(|| i64::from(query.after));
    streamed(state, caller, id, after).await
}

/// The event that a reconnecting client received last.
fn seen(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

async fn streamed(
    state: AppState,
    caller: Caller,
    id: JobId,
    after: i64,
) -> Result<Response, Problem> {
    let job = state.jobs.get(&caller.scope(), id).await?;
    if job.state.is_terminal() {
        let later = state.jobs.events(&caller.scope(), id, after, 1).await?;
        if later.is_empty() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    let reading = caller.reader()?;
    let stream = follow(state, caller.scope(), reading, id, after);
    let events = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(events.into_response())
}

/// Position of a stream.
struct Cursor {
    state: AppState,
    scope: Scope,
    _reading: Held,
    job: JobId,
    after: i64,
    waiting: std::vec::IntoIter<Event>,
}

/// Yields events until the job has ended and all its events are sent.
fn follow(
    state: AppState,
    scope: Scope,
    reading: Held,
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
            // The state is read before the events: the events of an ended job are complete.
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
                // When the service stops, the client reconnects with `Last-Event-ID`.
                tokio::select! {
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
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
