//! Webhooks and their deliveries.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::frame::answer;
use crate::dashboard::api::Visitor;
use crate::dashboard::form::Form;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::copy::block;
use crate::dashboard::view::time::age;
use crate::dashboard::wire::moment::Moment;
use crate::dashboard::wire::webhook::{Deliveries, Delivery, Webhook, Webhooks};
use crate::job::webhook::Topic;

/// Statuses of rejections that the form shows. The others have a page of their own.
const SHOWN: [StatusCode; 2] = [
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
];

/// The state of the form that creates a webhook.
pub(super) enum Shown<'a> {
    /// It was not sent.
    Closed,
    /// It has created a webhook, whose secret is shown once.
    Created { secret: &'a str },
    /// It was rejected.
    Rejected { form: &'a Form, detail: &'a str },
}

pub(super) async fn part(visitor: &Visitor, state: &Shown<'_>) -> Result<Markup, Refusal> {
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
            @if let Shown::Created { secret } = state {
                div.notice.good role="status" {
                    p { "Copy the secret now. It is not shown again. Receivers check with it that a delivery comes from this service." }
                    (block("new-secret", secret))
                }
            }
            div #webhooks data-live-part {
                @if shown.is_empty() { p.faint { "There are none. A webhook sends the events of jobs to a URL." } }
                @for (webhook, deliveries) in &shown { (one(webhook, deliveries, now)) }
            }
            (creation(state))
        }
    })
}

/// The form that creates a webhook.
fn creation(state: &Shown<'_>) -> Markup {
    let (form, wrong) = match state {
        Shown::Rejected { form, detail } => (Some(form), Some(detail)),
        Shown::Closed | Shown::Created { .. } => (None, None),
    };
    let is_checked = |topic: Topic| match form {
        Some(form) => form.all("events").any(|event| event == topic.as_str()),
        None => Topic::ENDS.contains(&topic),
    };
    html! {
        details #create-webhook open[form.is_some()] {
            summary { "Create a webhook" }
            @if let Some(wrong) = wrong { div.notice.bad role="alert" { p { (wrong) } } }
            form.stacked method="post" action="/operations/webhooks" {
                label { "URL " input name="url" type="url" required maxlength="2048" placeholder="https://" value=[form.and_then(|form| form.get("url"))]; }
                fieldset {
                    legend { "Events" }
                    @for topic in Topic::of_jobs() { label.choice { input type="checkbox" name="events" value=(topic.as_str()) checked[is_checked(topic)]; " " code { (topic.as_str()) } } }
                }
                button.primary { "Create webhook" }
            }
        }
    }
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
                form method="post" action="/operations/webhooks/delete" {
                    details.confirm id={ "delete-" (webhook.id) } { summary { "Delete" } p { "Deliveries that wait are not sent, and the list of deliveries is deleted." } button.bad name="id" value=(webhook.id) { "Delete this webhook" } }
                }
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

/// Creates a webhook, and shows its secret.
pub(crate) async fn create(visitor: Visitor, form: Form) -> Result<Response, Refusal> {
    let events: Vec<&str> = form.all("events").collect();
    let body = json!({"url": form.get("url").unwrap_or_default(), "events": events});
    let created = match events.is_empty() {
        true => Err(Refusal::here(
            StatusCode::UNPROCESSABLE_ENTITY,
            "choose at least one event",
        )),
        false => visitor.post::<Webhook>("/v1/webhooks", Some(&body)).await,
    };
    match created {
        Ok(Webhook { secret, .. }) => {
            let secret = secret.as_deref().unwrap_or_default();
            let part = part(&visitor, &Shown::Created { secret }).await?;
            Ok(answer(visitor.has_session, &part))
        }
        Err(refusal) if SHOWN.contains(&refusal.status) => {
            let detail = &refusal.problem.detail;
            let rejected = Shown::Rejected {
                form: &form,
                detail,
            };
            let part = part(&visitor, &rejected).await?;
            let mut response = answer(visitor.has_session, &part);
            *response.status_mut() = refusal.status;
            Ok(response)
        }
        Err(refusal) => Err(refusal),
    }
}

/// Deletes a webhook.
pub(crate) async fn delete(visitor: Visitor, form: Form) -> Result<Response, Refusal> {
    let path = format!("/v1/webhooks/{}", id(&form, "id")?);
    visitor.delete(&path).await?;
    Ok(Redirect::to("/operations").into_response())
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
