//! API keys.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value};
use strum::VariantArray;

use super::frame::answer;
use crate::dashboard::api::Visitor;
use crate::dashboard::form::Form;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::copy::block;
use crate::dashboard::view::time::{age, moment};
use crate::dashboard::wire::key::{CreatedKey, Key, Keys};
use crate::dashboard::wire::moment::Moment;
use crate::job::key::KeyScope;

/// The keys and a form that creates one; with a new key that is shown once.
pub(super) async fn part(visitor: &Visitor, new: Option<&str>) -> Result<Markup, Refusal> {
    let keys: Keys = visitor.get("/v1/keys?limit=100").await?;
    let now = Moment::now();
    Ok(html! {
        section {
            h2 { "API keys" }
            @if let Some(new) = new {
                div.notice.good role="status" {
                    p { "Copy the new key now. It is not shown again." }
                    (block("new-key", new))
                }
            }
            div #keys data-live-part {
                @if keys.data.is_empty() { p.faint { "There are none." } } @else { div.scroll { table {
                    thead { tr { th { "Name" } th { "Scope" } th { "Created" } th { "Last use" } th { "Expires" } th {} } }
                    tbody { @for key in &keys.data { (row(key, now)) } }
                } } }
            }
            details {
                summary { "Create a key" }
                form.inline method="post" action="/operations/keys" {
                    label { "Name " input name="name" required maxlength="100"; }
                    label { "Scope " select name="scope" { @for scope in KeyScope::VARIANTS { option selected[*scope == KeyScope::Write] { (scope.as_str()) } } } }
                    label { "Lifetime " input name="expires" placeholder="90d" size="6" pattern="[1-9][0-9]{0,4}[smhd]"; }
                    button.primary { "Create" }
                }
            }
        }
    })
}

fn row(key: &Key, now: Moment) -> Markup {
    let is_over = key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= now);
    html! {
        tr.over[is_over] {
            td { (key.name) " " code.faint { (key.id.get(..8).unwrap_or_default()) } }
            td { (key.scope) }
            td { (age(key.created_at, now)) }
            td { @match key.last_used_at { Some(last) => (age(last, now)), None => span.faint { "never" } } }
            td { @match (key.revoked_at, key.expires_at) {
                (Some(revoked), _) => { "revoked " (age(revoked, now)) },
                (None, Some(end)) => (moment(end)),
                (None, None) => span.faint { "never" },
            } }
            td.number { @if !is_over {
                form method="post" action="/operations/keys/revoke" {
                    details.confirm id={ "revoke-" (key.id) } { summary { "Revoke" } p { "Clients and sessions with this key are rejected at once." } button.bad name="id" value=(key.id) { "Revoke " (key.name) } }
                }
            } }
        }
    }
}

/// Creates a key, and shows it.
pub(crate) async fn create(visitor: Visitor, form: Form) -> Result<Response, Refusal> {
    let fields = ["name", "scope", "expires"].into_iter();
    let fields = fields.filter_map(|name| Some((name.to_owned(), form.get(name)?.into())));
    let body = Value::Object(fields.collect::<Map<_, _>>());
    let created: CreatedKey = visitor.post("/v1/keys", Some(&body)).await?;
    let part = part(&visitor, Some(&created.key)).await?;
    Ok(answer(visitor.has_session, &part))
}

/// Revokes a key.
pub(crate) async fn revoke(visitor: Visitor, form: Form) -> Result<Response, Refusal> {
    let id = form
        .get("id")
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let id = id.ok_or_else(Refusal::not_found)?;
    visitor.delete(&format!("/v1/keys/{id}")).await?;
    Ok(Redirect::to("/operations").into_response())
}
