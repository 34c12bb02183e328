//! `GET /`: the jobs.

mod empty;
pub(crate) mod filter;
mod row;

use axum::extract::RawQuery;
use axum::response::Response;
use maud::{Markup, html};

use crate::dashboard::api::Visitor;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::layout::{Page, Tab};
use crate::dashboard::view::state::name;
use crate::dashboard::wire::counts::Counts;
use crate::dashboard::wire::job::Jobs;
use crate::dashboard::wire::moment::Moment;
use crate::job::State;
use crate::quantity::grouped;
use filter::Filter;

/// Interval at which the page is read again: while jobs are active, and otherwise.
const BUSY_MS: u32 = 2_000;
const IDLE_MS: u32 = 10_000;

/// Shows a page of jobs.
pub(crate) async fn list(visitor: Visitor, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let filter = Filter::parse(query.as_deref())?;
    let (counts_path, list_path) = (filter.counts_path(), filter.list_path()?);
    let (counts, list) = tokio::join!(
        visitor.get::<Counts>(&counts_path),
        visitor.get::<Jobs>(&list_path),
    );
    let (counts, list) = (counts?, list?);
    let body = html! {
        div.head {
            h1 { "Jobs" }
            a.button.primary href="/new" { "New job" }
        }
        @if counts.total() == 0 && filter.is_empty() {
            (empty::guide())
        } @else {
            div #tabs data-live-part { (tabs(&filter, &counts)) }
            (fields(&filter))
            form method="post" action="/jobs/selected" {
                (filter.hidden())
                div #list data-live-part { (table(&filter, &list)) }
                div.bar {
                    span.faint { "Selected jobs:" }
                    button name="action" value="cancel" { "Cancel" }
                    button name="action" value="retry" { "Run again" }
                    button name="action" value="compare" { "Compare" }
                    span.grow {}
                    @let matching = filter.matching(&counts);
                    @if matching > 0 {
                        button.quiet name="action" value="cancel-matching" { "Cancel all that match…" }
                        button.quiet name="action" value="retry-matching" { "Run all that match again…" }
                    }
                }
            }
        }
    };
    let active = [State::Queued, State::Running, State::Canceling];
    let is_busy = active.iter().any(|&state| counts.of(state) > 0);
    let page = Page::new("Jobs", Tab::Jobs).session(visitor.has_session);
    Ok(page
        .live(if is_busy { BUSY_MS } else { IDLE_MS })
        .render(&body))
}

/// Links that filter by state, with the number of jobs.
fn tabs(filter: &Filter, counts: &Counts) -> Markup {
    let tab = |states: &[State], text: &str, count: u64| {
        let current = filter.has_states(states).then_some("true");
        let class = states.first().map_or("all", |state| state.as_str());
        html! {
            a.tab.(class) href=(filter.with_states(states)) aria-current=[current] {
                (text) " " span.count { (grouped(count)) }
            }
        }
    };
    html! {
        nav.tabs aria-label="State" {
            (tab(&[], "All", counts.total()))
            @for &state in State::ALL.iter().filter(|&&state| state != State::Canceling) {
                @match state {
                    // A job that is being canceled still runs.
                    State::Running => (tab(&[State::Running, State::Canceling], name(state), counts.of(State::Running) + counts.of(State::Canceling))),
                    _ => (tab(&[state], name(state), counts.of(state))),
                }
            }
        }
    }
}

/// The other filters.
fn fields(filter: &Filter) -> Markup {
    html! {
        form.filters method="get" action="/" role="search" aria-label="Filter jobs" {
            @for state in &filter.state { input type="hidden" name="state" value=(state); }
            label { "Model " input name="model" value=[&filter.model] placeholder="file:///srv/model" size="28" autocomplete="off"; }
            label { "Label " input name="label" value=[&filter.label] placeholder="team:search" size="14" autocomplete="off"; }
            label { "Created up to " input type="date" name="until" value=[&filter.until]; }
            button { "Filter" }
            @if !filter.is_empty() { a href="/" { "Clear" } }
        }
    }
}

fn table(filter: &Filter, list: &Jobs) -> Markup {
    let now = Moment::now();
    html! {
        @if list.data.is_empty() {
            p.none { "No job matches these filters." }
        } @else {
            div.scroll {
                table.jobs {
                    thead {
                        tr {
                            th.check { span.visually-hidden { "Select" } }
                            th { "State" } th { "Model" } th.number { "Keep" } th { "Result" } th.number { "Time" } th.number { "Created" }
                        }
                    }
                    tbody { @for job in &list.data { (row::row(job, now)) } }
                }
            }
        }
        nav.pages aria-label="Pages" {
            @if filter.cursor.is_some() { a href=(filter.page(None)) { "« Newest" } }
            span.grow {}
            @if let Some(cursor) = &list.next_cursor { a rel="next" href=(filter.page(Some(cursor))) { "Older »" } }
        }
    }
}
