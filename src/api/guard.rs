//! Stands before every documented route: asks for a key, checks its scope, keeps the record.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::AppState;
use super::access::{Need, Needs};
use super::caller::Caller;
use super::limits::{Meter, Who};
use super::problem::{Problem, ProblemCode};
use super::router::{current_request_id, with_request_id};
use crate::job::audit::Deed;
use crate::job::key::{ApiKey, KeyScope, ShownKey};
use crate::job::store::keys::LAST_USE_EVERY_MS;

/// Longest subject that is kept of a path which names nothing.
const MOST_SUBJECT_CHARACTERS: usize = 64;

/// What the guard works with.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) state: AppState,
    pub(super) needs: Arc<Needs>,
    pub(super) meter: Arc<Meter>,
}

/// Lets a request through, or answers why not.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map_or_else(String::new, |path| path.as_str().to_owned());
    let scope = match guard.needs.operation(&parts.method, &route) {
        Some(Need::Key(scope)) => scope,
        // Open to all, or a method that nobody answers.
        Some(Need::Nothing) | None => return next.run(Request::from_parts(parts, body)).await,
    };
    let caller = match guard.admit(&parts, &route, scope).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    parts.extensions.insert(caller.clone());
    let deed = deed(&caller, &parts, route);
    let request = Request::from_parts(parts, body);
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    // A task of its own: a caller who hangs up cannot keep what was done off the record.
    let task = tokio::spawn(with_request_id(
        async move {
            let response = next.run(request).await;
            guard.record(made(deed, &response)).await;
            response
        }
        .in_current_span(),
    ));
    match task.await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Problem::internal(&error).into_response(),
        },
    }
}

impl Guard {
    async fn admit(
        &self,
        request: &Parts,
        route: &str,
        scope: KeyScope,
    ) -> Result<Caller, Problem> {
        if !self.state.keys_required {
            return Caller::anybody(request, &self.meter).counted();
        }
        let key = self.authenticate(request, route).await?;
        let caller = Caller::with(&key, &self.meter).counted()?;
        if key.scope < scope {
            let detail = format!(
                "this needs a key with the scope {}; yours has {}",
                scope.as_str(),
                key.scope.as_str()
            );
            self.refuse(&caller, request, route, StatusCode::FORBIDDEN);
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                ProblemCode::Forbidden,
                detail,
            ));
        }
        Ok(caller)
    }

    /// The key that the caller holds. Every refusal reads alike, and an id that is not there takes the same
    /// steps as a secret that is wrong.
    async fn authenticate(&self, request: &Parts, route: &str) -> Result<ApiKey, Problem> {
        // Whoever tries keys is counted by address, and beyond the rate leaves no more marks on the record.
        let count = || self.meter.request(Who::asks(None, &request.extensions));
        let Some(shown) = shown(&request.headers) else {
            count()?;
            return Err(Problem::unauthenticated());
        };
        let stored = self.state.keys.key(shown.id).await?;
        let believed = shown.is(stored.as_ref());
        let Some(stored) = stored else {
            count()?;
            return Err(Problem::unauthenticated());
        };
        if !believed {
            count()?;
            let caller = Caller::with(&stored.key, &self.meter);
            self.refuse(&caller, request, route, StatusCode::UNAUTHORIZED);
            return Err(Problem::unauthenticated());
        }
        let noted = stored.key.last_used_at;
        if noted.is_none_or(|last| stored.now - last >= LAST_USE_EVERY_MS)
            && let Err(error) = self.state.keys.note_use(stored.key.id).await
        {
            tracing::warn!(key = %stored.key.id, %error, "a key's use cannot be noted");
        }
        Ok(stored.key)
    }

    /// Puts a refusal on record, beside the answer: it must not come later for a key that is known.
    fn refuse(&self, caller: &Caller, request: &Parts, route: &str, status: StatusCode) {
        let (guard, mut deed) = (self.clone(), deed(caller, request, route.to_owned()));
        deed.status = status.as_u16();
        tokio::spawn(async move { guard.record(deed).await });
    }

    async fn record(&self, deed: Deed) {
        if let Err(error) = self.state.audit.record_deed(deed.clone()).await {
            // What was done is done: the log is the second place that tells of it.
            tracing::error!(?deed, %error, "the audit log cannot be written");
        }
    }
}

fn shown(headers: &HeaderMap) -> Option<ShownKey> {
    let (scheme, key) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| key.trim().parse().ok())?
}

fn deed(caller: &Caller, request: &Parts, route: String) -> Deed {
    let parts = route.split('/').zip(request.uri.path().split('/'));
    let subject = parts
        .filter(|(name, _)| *name == "{id}")
        .map(|(_, value)| value.chars().take(MOST_SUBJECT_CHARACTERS).collect());
    Deed {
        tenant: caller.tenant.clone(),
        key: caller.key,
        method: request.method.to_string(),
        subject: subject.last(),
        route,
        status: 0,
        request_id: current_request_id().unwrap_or_default(),
    }
}

/// The deed with what came of it; what was made is named by `Location`.
fn made(mut deed: Deed, response: &Response) -> Deed {
    deed.status = response.status().as_u16();
    let location = response.headers().get(header::LOCATION);
    let name = location
        .and_then(|value| value.to_str().ok())
        .and_then(|location| location.rsplit('/').next());
    if deed.subject.is_none() {
        deed.subject = name.map(str::to_owned);
    }
    deed
}
