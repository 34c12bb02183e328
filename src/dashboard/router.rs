//! The routes of the dashboard, around those of the API.

use std::sync::Arc;

use axum::extract::{FromRef, Request};
use axum::routing::{get, post};
use axum::{Router, middleware};
use tower::Layer;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;

use super::api::{Api, remember_connection};
use super::origin::same_origin;
use super::pages;
use super::response::complete;
use super::session::Sessions;
use super::{assets, scripts};

/// State of the pages.
#[derive(Clone)]
struct Dashboard {
    api: Api,
    sessions: Arc<Sessions>,
}

impl FromRef<Dashboard> for Api {
    fn from_ref(dashboard: &Dashboard) -> Self {
        dashboard.api.clone()
    }
}

impl FromRef<Dashboard> for Arc<Sessions> {
    fn from_ref(dashboard: &Dashboard) -> Self {
        Arc::clone(&dashboard.sessions)
    }
}

/// Adds the pages to a router of the API.
pub fn with_pages(api: Router, sessions: Sessions) -> Router {
    let sessions = Arc::new(sessions);
    let dashboard = Dashboard {
        api: Api::new(api.clone()),
        sessions: Arc::clone(&sessions),
    };
    let pages = Router::new()
        .route("/", get(pages::jobs::list))
        .route("/new", get(pages::new_job::form).post(pages::new_job::act))
        .route("/compare", get(pages::compare::show))
        .route("/operations", get(pages::operations::show))
        .route("/operations/keys", post(pages::operations::keys::create))
        .route(
            "/operations/keys/revoke",
            post(pages::operations::keys::revoke),
        )
        .route(
            "/operations/redeliver",
            post(pages::operations::webhooks::redeliver),
        )
        .route(
            "/operations/webhooks",
            post(pages::operations::webhooks::create),
        )
        .route(
            "/operations/webhooks/delete",
            post(pages::operations::webhooks::delete),
        )
        .route("/operations/test", post(pages::operations::webhooks::test))
        .route("/jobs/selected", post(pages::selected::act))
        .route("/jobs/{id}", get(pages::job::show))
        .route("/jobs/{id}/cancel", post(pages::actions::cancel))
        .route("/jobs/{id}/retry", post(pages::actions::retry))
        .route("/jobs/{id}/delete", post(pages::actions::delete))
        .route("/jobs/{id}/resolve", post(pages::actions::resolve))
        .route("/jobs/{id}/files/{*name}", get(pages::actions::download))
        .route(
            "/sign-in",
            get(pages::sign_in::form).post(pages::sign_in::sign_in),
        )
        .route("/sign-out", post(pages::sign_in::sign_out))
        .layer(middleware::from_fn(complete));
    let routes = Router::new()
        .merge(pages)
        .route("/session/v1/{*path}", scripts::route())
        .layer(middleware::from_fn_with_state(sessions, same_origin))
        .route("/assets/{name}", get(assets::get))
        .layer(CatchPanicLayer::new())
        .with_state(dashboard)
        .fallback_service(api);
    // The layers of a router run after it has matched the path, which adds to the request, so this one is around it.
    let remember: fn(Request) -> Request = remember_connection;
    Router::new().fallback_service(MapRequestLayer::new(remember).layer(routes))
}
