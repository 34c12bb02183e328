//! The title of a job, what it is, and what can be done with it.

use maud::{Markup, html};

use crate::dashboard::view::state::badge;
use crate::dashboard::view::time::{age, moment, span};
use crate::dashboard::wire::job::Job;
use crate::dashboard::wire::moment::Moment;
use crate::job::State;

pub(super) fn head(job: &Job, now: Moment) -> Markup {
    html! {
        p.crumbs { a href="/" { "Jobs" } " / " code { (job.id) } }
        div.head {
            h1 { (job.model_name()) " " span.target { "→ " (job.request.target.value) } }
            (badge(job.state))
            span.grow {}
            (buttons(job))
        }
        p.facts {
            span { "Created " (age(job.created_at, now)) }
            @if let (Some(start), Some(end)) = (job.started_at, job.finished_at) { span { "ran for " (span(start, end)) } }
            span { "on " (job.device) }
            @if job.attempt > 1 || job.state == State::Failed { span { "attempt " (job.attempt) " of at most " (job.max_attempts) } }
            @if job.priority != 0 { span { "priority " (job.priority) } }
            @if let (Some(deadline), false) = (job.deadline_at, job.state.is_terminal()) { span { "deadline " (moment(deadline)) } }
            @if let Some(parent) = &job.retry_of { span { "made from " a href={ "/jobs/" (parent) } { "another job" } } }
            @for (name, value) in &job.labels { span.label { (name) @if !value.is_empty() { ":" (value) } } }
        }
    }
}

fn buttons(job: &Job) -> Markup {
    let action = |end: &str| format!("/jobs/{}/{end}", job.id);
    html! {
        @match job.state {
            State::Queued | State::Running => form method="post" action=(action("cancel")) { button { "Cancel" } },
            State::Canceling => span.faint { "ends within seconds" },
            State::Succeeded | State::Failed | State::Canceled | State::Expired => {
                a.button href={ "/new?from=" (job.id) } { "Edit and run" }
                form method="post" action=(action("retry")) { button { "Run again" } }
            }
        }
    }
}

/// The deletion, with its consequences.
pub(super) fn delete(job: &Job) -> Markup {
    html! {
        details.danger {
            summary { "Delete this job" }
            p {
                "Deletes the job, its events"
                @if job.state == State::Succeeded { " and all files of its result" }
                ". This cannot be undone. Download URLs of its files stop working. Jobs that were made from it stay."
            }
            form method="post" action={ "/jobs/" (job.id) "/delete" } { button.bad { "Delete permanently" } }
        }
    }
}
