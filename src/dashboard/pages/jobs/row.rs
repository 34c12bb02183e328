//! One job in the list.

use maud::{Markup, html};

use crate::dashboard::view::state::badge;
use crate::dashboard::view::time::{age, span};
use crate::dashboard::wire::job::Job;
use crate::dashboard::wire::moment::Moment;
use crate::job::State;
use crate::prune::report::Report;
use crate::quantity::{duration, points};

pub(super) fn row(job: &Job, now: Moment) -> Markup {
    let href = format!("/jobs/{}", job.id);
    html! {
        tr {
            td.check { input type="checkbox" name="job" value=(job.id) aria-label={ "Select " (job.model_name()) ", " (job.id) }; }
            td { (badge(job.state)) }
            td.model {
                a.main href=(href) { (job.model_name()) }
                @for (name, value) in &job.labels {
                    " " a.label href={ "/?" (label_query(name, value)) } { (name) @if !value.is_empty() { ":" (value) } }
                }
            }
            td.number { (job.request.target.value) @if job.request.target.metric != "flops" { span.faint { " " (metric(&job.request.target.metric)) } } }
            td.result { (result(job)) }
            td.number { @match (job.started_at, job.finished_at) {
                (Some(start), Some(end)) => (span(start, end)),
                (Some(start), None) => (span(start, now)),
                _ => span.faint { "–" },
            } }
            td.number { (age(job.created_at, now)) }
        }
    }
}

fn label_query(name: &str, value: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("label", &format!("{name}:{value}"));
    query.finish()
}

/// The unit of a target other than FLOPs.
fn metric(name: &str) -> &str {
    match name {
        "params" => "of the parameters",
        "latency_ms" => "of the time",
        other => other,
    }
}

fn result(job: &Job) -> Markup {
    match job.state {
        State::Queued => html! { span.faint { (waits(job)) } },
        State::Running | State::Canceling => html! {
            @if let Some(stage) = job.stage { (stage.as_str()) " " }
            @if let Some(percent) = job.progress.percent {
                progress max="100" value=(percent) { (format!("{percent:.0} %")) }
                @if let Some(eta) = job.progress.eta_ms { span.faint { " " (duration(eta)) " left" } }
            }
        },
        State::Succeeded => match &job.report {
            Some(report) => summary(report),
            None => html! {},
        },
        State::Failed | State::Expired => html! {
            @if let Some(error) = &job.error { span.clip title=(error.detail) { code { (error.code) } " " (error.detail) } }
        },
        State::Canceled => {
            html! { @if let Some(stage) = job.stage { span.faint { "while " (stage.as_str()) } } }
        }
    }
}

fn summary(report: &Report) -> Markup {
    html! {
        @if let Some(evaluation) = &report.evaluation {
            @let main = &evaluation.main;
            @let difference = main.score.after - main.score.before;
            span.fact { (main.metric.replace('_', " ")) " " b { (points(difference)) } span.faint { " ± " (format!("{:.2}", main.difference_interval * 100.0)) } }
        } @else if let Some(agreement) = report.fidelity.agreement {
            span.fact { "agreement " b { (format!("{:.1} %", agreement * 100.0)) } }
        }
        span.fact { b { (format!("{:.2}×", report.latency.speedup)) } " the speed" }
    }
}

/// What a queued job waits for.
fn waits(job: &Job) -> String {
    match &job.waiting {
        Some(waiting) => format!("waits: {}", waiting.detail),
        None if job.attempt > 0 => "waits for its next attempt".to_owned(),
        None => format!("waits for a free {} worker", job.device),
    }
}
