//! `/operations`: what an administrator of a tenant watches and manages.

mod audit;
mod frame;
pub(crate) mod keys;
pub(crate) mod webhooks;
mod workers;

use axum::extract::RawQuery;
use axum::response::Response;
use url::form_urlencoded::parse;

use crate::dashboard::api::Visitor;
use crate::dashboard::refusal::Refusal;
use webhooks::Shown;

/// Shows all parts.
pub(crate) async fn show(visitor: Visitor, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let cursor = parse(query.as_bytes()).find(|(name, _)| name == "audit");
    let cursor = cursor.map(|(_, value)| value.into_owned());
    let (workers, keys, webhooks, audit) = tokio::join!(
        workers::part(&visitor),
        keys::part(&visitor, None),
        webhooks::part(&visitor, &Shown::Closed),
        audit::part(&visitor, cursor.as_deref()),
    );
    Ok(frame::frame(
        visitor.has_session,
        &[workers?, keys?, webhooks?, audit?],
    ))
}
