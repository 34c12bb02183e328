//! Webhooks and their deliveries.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use crate::dashboard::api::Visitor;
use crate::dashboard::form::Form;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::time::age;
use crate::dashboard::wire::moment::Moment;
use crate::dashboard::wire::webhook::{Deliveries, Delivery, Webhook, Webhooks};

pub(super) async fn part(visitor: &Visitor) -> Result<Markup, Refusal> {
    let webhooks: Webhooks = visitor.get("/v1/webhooks").await?;
    let now = Moment::now();
    let mut shown = Vec::new();
    for webhook in webhooks.data {
        let path = format!("/v1/webhooks/{}/deliveries?limit=10", webhook.id);
        let deliveries: Deliveries = visitor.get(&path).await?;
        shown.push((webhook, deliveries.data));
    }
    Ok(html! {
        section {
            h2 { "Webhooks" }
            @if shown.is_empty() { p.faint { "There are none. " code { "POST /v1/webhooks" } " creates one." } }
            div #webhooks data-live-part { @for (webhook, deliveries) in &shown { (one(webhook, deliveries, now)) } }
        }
    })
}

fn one(webhook: &Webhook, deliveries: &[Delivery], now: Moment) -> Markup {
    html! {
        div.webhook {
            div.head {
                code { (webhook.url) }
                @if !webhook.enabled { span.wrong { "disabled" } }
                span.faint { (webhook.events.join(", ")) }
                span.grow {}
                form method="post" action="/operations/test" { button.quiet name="id" value=(webhook.id) { "Send a test" } }
            }
            @if deliveries.is_empty() { p.faint { "Nothing was delivered yet." } } @else {
                div.scroll { table {
                    thead { tr { th { "Event" } th { "State" } th.number { "Attempts" } th { "Last response" } th { "Created" } th {} } }
                    tbody { @for delivery in deliveries { tr {
                        td { (delivery.event) }
                        td { @if delivery.state == "failed" { span.wrong { (delivery.state) } } @else { (delivery.state) } }
                        td.number { (delivery.attempts) }
                        td { @if let Some(status) = delivery.last_status { (status) " " } @if let Some(error) = &delivery.last_error { span.faint { (error) } } }
                        td { (age(delivery.created_at, now)) }
                        td.number { form method="post" action="/operations/redeliver" {
                            input type="hidden" name="webhook" value=(webhook.id);
                            button.quiet name="id" value=(delivery.id) { "Deliver again" }
                        } }
                    } } }
                } }
            }
        }
    }
}

/// The text of an id, which becomes part of a path.
fn id<'a>(form: &'a Form, name: &'a str) -> Result<&'a str, Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let id = form.get(name).filter(|id| id.bytes().all(plain));
    id.ok_or_else(Refusal::not_found)
}

/// Sends a delivery again.
pub(crate) async fn redeliver(visitor: Visitor, form: Form) -> Result<Response, Refusal> {
    let path = format!(
        "/v1/webhooks/{}/deliveries/{}/redeliver",
        id(&form, "webhook")?,
        id(&form, "id")?
    );
    visitor.post::<Value>(&path, None).await?;
    Ok(Redirect::to("/operations#webhooks").into_response())
}

/// Sends a test event.
pub(crate) async fn test(visitor: Visitor, form: Form) -> Result<Response, Refusal> {
    let path = format!("/v1/webhooks/{}/test", id(&form, "id")?);
    visitor.post::<Value>(&path, None).await?;
    Ok(Redirect::to("/operations#webhooks").into_response())
}
