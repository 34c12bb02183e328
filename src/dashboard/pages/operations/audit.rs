//! The audit log.

use maud::{Markup, html};

use crate::dashboard::api::Visitor;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::time::moment;
use crate::dashboard::wire::audit::Audit;

/// Number of entries per page.
const LIMIT: usize = 25;

pub(super) async fn part(visitor: &Visitor, cursor: Option<&str>) -> Result<Markup, Refusal> {
    let audit: Audit = visitor.get(&path(cursor)).await?;
    Ok(html! {
        section #audit {
            h2 { "Audit log" }
            @if audit.data.is_empty() { p.faint { "No entries." } } @else { div.scroll { table.log {
                thead { tr { th { "Time" } th { "Request" } th { "Subject" } th.number { "Status" } th { "Key" } } }
                tbody { @for entry in &audit.data { tr {
                    td { (moment(entry.at)) }
                    td { code { (entry.method) " " (entry.route) } }
                    td { @if let Some(subject) = &entry.subject { @if subject.starts_with("job_") { a href={ "/jobs/" (subject) } { code { (subject) } } } @else { code { (subject) } } } }
                    td.number { @if entry.status >= 400 { span.wrong { (entry.status) } } @else { (entry.status) } }
                    td { @if let Some(key) = &entry.key { code.faint { (key.get(..8).unwrap_or_default()) } } }
                } } }
            } } }
            nav.pages aria-label="Pages of the audit log" {
                @if cursor.is_some() { a href="/operations#audit" { "« Newest" } }
                span.grow {}
                @if let Some(next) = &audit.next_cursor { a href={ "/operations?audit=" (next) "#audit" } { "Older »" } }
            }
        }
    })
}

/// The path of a page in the API.
fn path(cursor: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &LIMIT.to_string());
    query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
    format!("/v1/audit?{}", query.finish())
}
