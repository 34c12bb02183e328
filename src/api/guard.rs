//! The guard of every documented route: authenticates the caller, checks the scope, and writes the audit log.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::access::Operations;
use super::caller::Caller;
use super::known_keys::KnownKeys;
use super::limits::{Meter, Who};
use super::problem::{Problem, ProblemCode};
use super::request::{current_request_id, with_request_id};
use super::state::AppState;
use crate::job::audit::Deed;
use crate::job::key::{ApiKey, KeyScope, ShownKey};
use crate::job::store::keys::LAST_USE_EVERY_MS;

/// Maximum length of a subject in the audit log. A path can hold any text in place of an id.
const MAX_SUBJECT_CHARACTERS: usize = 64;

/// Id of the created resource, as an extension of a response without `Location`. The audit log records it.
#[derive(Clone)]
pub(super) struct CreatedId(pub(super) String);

/// State of the guard.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) state: AppState,
    pub(super) operations: Arc<Operations>,
    pub(super) meter: Arc<Meter>,
    pub(super) known: Arc<KnownKeys>,
}

/// Passes a request on, or rejects it.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map_or_else(String::new, |path| path.as_str().to_owned());
    let operation = guard.operations.get(&parts.method, &route);
    let restricted = operation.and_then(|operation| Some((operation, operation.scope?)));
    let Some((operation, scope)) = restricted else {
        // A public operation, or a method that the route does not have.
        return next.run(Request::from_parts(parts, body)).await;
    };
    let admitted = guard.admit(&parts, &route, scope).await;
    let checked = admitted.and_then(|caller| {
        operation.check_query(parts.uri.query())?;
        Ok(caller)
    });
    let caller = match checked {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    parts.extensions.insert(caller.clone());
    let deed = deed(&caller, &parts, route);
    let request = Request::from_parts(parts, body);
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    // In a task, so that the audit log is written even if the client disconnects.
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

/// Counts a request against the rate limit. Metrics are exempt: a scrape must not fail because the service is busy.
fn metered(caller: Caller, scope: KeyScope) -> Result<Caller, Problem> {
    match scope {
        KeyScope::Metrics => Ok(caller),
        KeyScope::Read | KeyScope::Write | KeyScope::Admin => caller.counted(),
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
            return metered(Caller::anybody(request, &self.meter), scope);
        }
        let given = bearer(&request.headers);
        let known = given.filter(|given| self.known.contains(*given));
        // The rate limit applies before the database is asked, to the key if it is known, and otherwise to the address.
        // This bounds the load by guesses of keys, and the audit log.
        match (known, scope) {
            (Some(_), KeyScope::Metrics) => {}
            (Some(key), _) => self.meter.request(Who::Key(key.id))?,
            (None, KeyScope::Metrics) => self.meter.request(self.meter.scraper(request))?,
            (None, _) => self.meter.request(self.meter.address(request))?,
        }
        let given = given.ok_or_else(Problem::unauthenticated)?;
        let key = self.authenticate(request, route, given).await?;
        let mut caller = Caller::with(&key, &self.meter);
        if known.is_none() {
            caller = metered(caller, scope)?;
        }
        if !key.scope.allows(scope) {
            let detail = format!(
                "this operation requires an API key with the scope {}; yours has {}",
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

    /// Authenticates the caller by its API key. All rejections are equal, and an unknown id takes the same steps as a
    /// wrong secret, so that nobody can find out which keys exist.
    async fn authenticate(
        &self,
        request: &Parts,
        route: &str,
        given: ShownKey,
    ) -> Result<ApiKey, Problem> {
        let stored = self.state.keys.key(given.id).await?;
        let valid = given.is(stored.as_ref());
        let stored = stored.ok_or_else(Problem::unauthenticated)?;
        if !valid {
            self.known.remove(given);
            let caller = Caller::with(&stored.key, &self.meter);
            self.refuse(&caller, request, route, StatusCode::UNAUTHORIZED);
            return Err(Problem::unauthenticated());
        }
        self.known.insert(given);
        let noted = stored.key.last_used_at;
        if noted.is_none_or(|last| stored.now - last >= LAST_USE_EVERY_MS)
            && let Err(error) = self.state.keys.note_use(stored.key.id).await
        {
            tracing::warn!(key = %stored.key.id, %error, "the last use of the API key could not be recorded");
        }
        Ok(stored.key)
    }

    /// Records a rejection in the background, so that the response for a known key takes no longer.
    fn refuse(&self, caller: &Caller, request: &Parts, route: &str, status: StatusCode) {
        let (guard, mut deed) = (self.clone(), deed(caller, request, route.to_owned()));
        deed.status = status.as_u16();
        tokio::spawn(async move { guard.record(deed).await });
    }

    async fn record(&self, deed: Deed) {
        if let Err(error) = self.state.audit.record_deed(deed.clone()).await {
            // The log keeps the entry that the audit log lacks.
            tracing::error!(?deed, %error, "the audit log could not be written");
        }
    }
}

/// The API key in the header `Authorization`.
fn bearer(headers: &HeaderMap) -> Option<ShownKey> {
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
        .map(|(_, value)| value.chars().take(MAX_SUBJECT_CHARACTERS).collect());
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

/// Completes the entry with the status, and with the id of the created resource: [`CreatedId`], or the end of
/// `Location`.
fn made(mut deed: Deed, response: &Response) -> Deed {
    deed.status = response.status().as_u16();
    let location = response.headers().get(header::LOCATION);
    let name = location
        .and_then(|value| value.to_str().ok())
        .and_then(|location| location.rsplit('/').next());
    let created = response.extensions().get::<CreatedId>();
    if deed.subject.is_none() {
        deed.subject = match created {
            Some(CreatedId(id)) => Some(id.clone()),
            None => name.map(str::to_owned),
        };
    }
    deed
}
