//! Calls of the API in this process.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRef, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use tower::ServiceExt;

use super::refusal::Refusal;
use super::session::Sessions;
use super::wire::problem::Problem;

/// Maximum size of a response. The largest is a page of events or a frontier.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// Headers that belong to the request of a page, and not to the calls that the page makes.
const OWN_HEADERS: [HeaderName; 17] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::EXPECT,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    IDEMPOTENCY_KEY,
];

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The router of the API.
#[derive(Clone)]
pub(crate) struct Api(Router);

impl Api {
    pub(crate) fn new(router: Router) -> Self {
        Self(router)
    }
}

/// What is known of the connection of a request before it is routed: its address and place.
#[derive(Clone)]
struct Connection(Extensions);

/// Keeps what is known of the connection for the calls of the API.
pub(crate) fn remember_connection(mut request: Request) -> Request {
    let connection = Connection(request.extensions().clone());
    request.extensions_mut().insert(connection);
    request
}

/// Whoever asks for a page. Calls of the API are made with the API key of the session, from the same address.
#[derive(Clone)]
pub(crate) struct Visitor {
    api: Api,
    connection: Extensions,
    headers: HeaderMap,
    /// Whether the request has a session. The API key of the session may no longer be valid.
    pub(crate) has_session: bool,
}

impl Visitor {
    /// The visitor of a request, with an API key in place of that of the session.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.headers.remove(header::AUTHORIZATION);
        if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {key}")) {
            value.set_sensitive(true);
            self.headers.insert(header::AUTHORIZATION, value);
        }
        self
    }

    /// Sends a request to the API with these headers in addition.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response, Refusal> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| Refusal::not_found())?;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().extend(headers);
        *request.extensions_mut() = self.connection.clone();
        let response = self.api.0.clone().oneshot(request).await;
        Ok(response.unwrap_or_else(|never: Infallible| match never {}))
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, Refusal> {
        self.answer_to(method, path, HeaderMap::new(), body).await
    }

    async fn answer_to(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Option<&Value>,
    ) -> Result<Bytes, Refusal> {
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let body = match body {
            Some(body) => {
                let json = HeaderValue::from_static("application/json");
                headers.insert(header::CONTENT_TYPE, json);
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.send(method, path, headers, body).await?;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), MAX_RESPONSE_BYTES).await;
        let bytes = bytes.map_err(|_| Refusal::unreadable())?;
        match status.is_success() {
            true => Ok(bytes),
            false => Err(refused(status, &bytes)),
        }
    }

    /// Reads a resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        read(&self.answer(Method::GET, path, None).await?)
    }

    /// Posts a body, and reads the response.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Refusal> {
        read(&self.answer(Method::POST, path, body).await?)
    }

    /// Posts a body that has an effect only once, however often it is sent with this key.
    pub(crate) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Result<T, Refusal> {
        let mut headers = HeaderMap::new();
        headers.extend(
            HeaderValue::try_from(key)
                .ok()
                .map(|key| (IDEMPOTENCY_KEY, key)),
        );
        read(
            &self
                .answer_to(Method::POST, path, headers, Some(body))
                .await?,
        )
    }

    /// Reads a small file of a result, wherever it is stored.
    pub(crate) async fn file(&self, path: &str) -> Result<Bytes, Refusal> {
        self.answer(Method::GET, &format!("{path}?redirect=false"), None)
            .await
    }

    /// Deletes a resource.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Refusal> {
        self.answer(Method::DELETE, path, None).await.map(drop)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        tracing::error!(%error, "a response of the API could not be read");
        Refusal::unreadable()
    })
}

fn refused(status: StatusCode, bytes: &[u8]) -> Refusal {
    let problem: Option<Problem> = serde_json::from_slice(bytes).ok();
    problem.map_or_else(Refusal::unreadable, |problem| Refusal { status, problem })
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor
where
    Api: FromRef<S>,
    Arc<Sessions>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let sessions = Arc::<Sessions>::from_ref(state);
        let key = sessions.key(&parts.headers);
        let mut headers = parts.headers.clone();
        for name in &OWN_HEADERS {
            headers.remove(name);
        }
        let connection = parts.extensions.get::<Connection>();
        let visitor = Self {
            api: Api::from_ref(state),
            connection: connection.map(|known| known.0.clone()).unwrap_or_default(),
            headers,
            has_session: key.is_some(),
        };
        Ok(match key {
            Some(key) => visitor.with_key(&key),
            None => visitor,
        })
    }
}
