//! Every operation of the API. One line registers the handler of a route together with its entry in `openapi.yaml`.

use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::AppState;
use super::{
    artifacts, audit, blobs, bundle, capabilities, datasets, document, events, frontier, health,
    jobs, keys, uploads, usage, webhooks, workers,
};

/// The routes, and the document that they describe.
pub(super) fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(document::head())
        .routes(routes!(jobs::create::create, jobs::list::list))
        .routes(routes!(jobs::counts::counts))
        .routes(routes!(jobs::estimate::estimate))
        .routes(routes!(datasets::inspect))
        .routes(routes!(jobs::get::get, jobs::delete::delete))
        .routes(routes!(jobs::position::get))
        .routes(routes!(jobs::cancel::cancel))
        .routes(routes!(jobs::retry::retry))
        .routes(routes!(jobs::resolve::resolve))
        .routes(routes!(frontier::get))
        .routes(routes!(events::list))
        .routes(routes!(events::stream))
        .routes(routes!(artifacts::list))
        .routes(routes!(bundle::get))
        .routes(routes!(artifacts::get))
        .routes(routes!(artifacts::url))
        .routes(routes!(blobs::get))
        .routes(routes!(uploads::create::create, uploads::list::list))
        .routes(routes!(uploads::complete::complete))
        .routes(routes!(uploads::manage::get, uploads::manage::delete))
        .routes(routes!(uploads::parts::get, uploads::parts::send))
        .routes(routes!(uploads::content::put))
        .routes(routes!(uploads::part_content::put))
        .routes(routes!(usage::get))
        .routes(routes!(webhooks::create::create, webhooks::manage::list))
        .routes(routes!(
            webhooks::manage::get,
            webhooks::manage::change,
            webhooks::manage::delete
        ))
        .routes(routes!(webhooks::deliveries::list))
        .routes(routes!(webhooks::deliveries::test))
        .routes(routes!(webhooks::deliveries::redeliver))
        .routes(routes!(keys::create::create, keys::list::list))
        .routes(routes!(keys::revoke::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(workers::list))
        .routes(routes!(capabilities::capabilities))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

/// The document of a service at its default address, as committed in `openapi.yaml`.
#[must_use]
pub fn openapi() -> Value {
    document::complete(documented().into_openapi(), document::DEFAULT_SERVER)
}
