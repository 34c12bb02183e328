//! `GET /compare`: two to four jobs side by side.

use std::collections::BTreeMap;

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use url::form_urlencoded::{Serializer, parse};

use super::actions::path;
use super::job::request::document;
use crate::dashboard::api::Visitor;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::layout::{Page, Tab};
use crate::dashboard::view::scatter::{Dot, scatter};
use crate::dashboard::view::state::badge;
use crate::dashboard::wire::job::Job;
use crate::prune::report::Report;
use crate::quantity::{bytes, duration, grouped, points, short};

/// How many jobs can be compared.
const FEW: std::ops::RangeInclusive<usize> = 2..=4;

/// The URL that compares jobs.
pub(super) fn url<'a>(jobs: impl Iterator<Item = &'a str>) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(jobs.map(|job| ("job", job)));
    format!("/compare?{}", query.finish())
}

/// Compares the jobs of the query.
pub(crate) async fn show(visitor: Visitor, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let ids = parse(query.as_bytes()).filter(|(name, _)| name == "job");
    let ids: Vec<String> = ids.map(|(_, id)| id.into_owned()).collect();
    if !FEW.contains(&ids.len()) {
        let detail = format!(
            "select {} to {} jobs in the list to compare them",
            FEW.start(),
            FEW.end()
        );
        return Err(Refusal::here(StatusCode::BAD_REQUEST, &detail));
    }
    let mut jobs: Vec<Job> = Vec::new();
    for id in &ids {
        jobs.push(visitor.get(&path(id, "")?).await?);
    }
    let body = html! {
        p.crumbs { a href="/" { "Jobs" } " / Compare" }
        div.head { h1 { "Compare " (jobs.len()) " jobs" } }
        (chart(&jobs))
        section {
            div.scroll {
                table.compare {
                    thead { tr { th {} @for (index, job) in jobs.iter().enumerate() {
                        th scope="col" { span.letter { (letter(index)) } " " a href={ "/jobs/" (job.id) } { (job.model_name()) " → " (job.request.target.value) } }
                    } } }
                    tbody {
                        tr { th scope="row" { "State" } @for job in &jobs { td { (badge(job.state)) } } }
                        @for (name, value) in ROWS { (row(name, &jobs, *value)) }
                        @for (name, values) in differences(&jobs) {
                            tr.setting { th scope="row" { code { (name) } } @for value in values { td { (value) } } }
                        }
                    }
                }
            }
            p.faint { "Of the settings, only those that differ are shown." }
        }
    };
    Ok(Page::new("Compare", Tab::Jobs)
        .session(visitor.has_session)
        .render(&body))
}

/// The letter of a job in the table and the chart.
fn letter(index: usize) -> char {
    (b'A'..=b'Z').nth(index).map_or('?', char::from)
}

/// Formats a figure of a report.
type Figure = fn(&Report) -> Option<String>;

/// What is compared of the results.
const ROWS: &[(&str, Figure)] = &[
    ("Operations kept", |report| {
        Some(format!("{:.2} %", report.kept * 100.0))
    }),
    ("MACs per row", |report| Some(short(report.size.after.macs))),
    ("Parameters", |report| {
        Some(short(report.size.after.parameters))
    }),
    ("Weights", |report| Some(bytes(report.size.after.bytes))),
    ("Metric", |report| {
        report
            .evaluation
            .as_ref()
            .map(|own| own.main.metric.replace('_', " "))
    }),
    ("Original", |report| {
        report
            .evaluation
            .as_ref()
            .map(|own| format!("{:.4}", own.main.score.before))
    }),
    ("Pruned", |report| {
        report
            .evaluation
            .as_ref()
            .map(|own| format!("{:.4}", own.main.score.after))
    }),
    ("Difference, points", |report| {
        let main = &report.evaluation.as_ref()?.main;
        let interval = main.difference_interval * 100.0;
        Some(format!(
            "{} ± {interval:.2}",
            points(main.score.after - main.score.before)
        ))
    }),
    ("Same prediction", |report| {
        report
            .fidelity
            .agreement
            .map(|share| format!("{:.2} %", share * 100.0))
    }),
    ("Speed, one row", |report| {
        report
            .latency_single
            .map(|own| format!("{:.2}×", own.speedup))
    }),
    ("Speed, batch", |report| {
        Some(format!("{:.2}×", report.latency.speedup))
    }),
    ("Calibration rows", |report| {
        Some(grouped(report.calibration.rows as u64))
    }),
    ("Time of the job", |report| {
        Some(duration(report.stages.iter().map(|stage| stage.ms).sum()))
    }),
];

fn row(name: &str, jobs: &[Job], value: Figure) -> Markup {
    let values: Vec<Option<String>> = jobs
        .iter()
        .map(|job| job.report.as_ref().and_then(value))
        .collect();
    html! {
        @if values.iter().any(Option::is_some) {
            tr { th scope="row" { (name) } @for value in values { td { @match value { Some(value) => (value), None => span.faint { "–" } } } } }
        }
    }
}

/// The settings that are not the same in all jobs.
fn differences(jobs: &[Job]) -> Vec<(String, Vec<String>)> {
    let flat = jobs.iter().map(|job| {
        let mut fields = BTreeMap::new();
        flatten(&document(&job.request), "", &mut fields);
        fields
    });
    let flat: Vec<BTreeMap<String, String>> = flat.collect();
    let mut names: Vec<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    names.sort_unstable();
    names.dedup();
    let rows = names.into_iter().filter_map(|name| {
        let values = flat
            .iter()
            .map(|fields| fields.get(name).cloned().unwrap_or_default());
        let values: Vec<String> = values.collect();
        let differ = values.iter().any(|value| *value != values[0]);
        differ.then(|| (name.clone(), values))
    });
    rows.collect()
}

fn flatten(value: &Value, path: &str, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(value, &path, fields);
            }
        }
        Value::String(text) => {
            fields.insert(path.to_owned(), text.clone());
        }
        Value::Null => {}
        other => {
            fields.insert(path.to_owned(), other.to_string());
        }
    }
}

/// Quality against size, if the jobs have the same metric.
fn chart(jobs: &[Job]) -> Markup {
    let reports = || {
        jobs.iter()
            .enumerate()
            .filter_map(|(index, job)| Some((index, job.report.as_ref()?)))
    };
    let metrics =
        reports().filter_map(|(_, report)| Some(report.evaluation.as_ref()?.main.metric.as_str()));
    let metrics: Vec<&str> = metrics.collect();
    let same = metrics.first().filter(|first| {
        metrics.len() == reports().count() && metrics.iter().all(|own| own == *first)
    });
    let dots = |value: &dyn Fn(&Report) -> Option<(f64, f64)>| -> Vec<Dot> {
        let dots = reports().filter_map(|(index, report)| {
            let (y, interval) = value(report)?;
            Some(Dot {
                name: letter(index),
                x: report.kept,
                y,
                interval,
            })
        });
        dots.collect()
    };
    let (title, dots) = match same {
        Some(metric) => (
            format!(
                "Difference of the {} in points, with its 95 % confidence interval",
                metric.replace('_', " ")
            ),
            dots(&|report| {
                let main = &report.evaluation.as_ref()?.main;
                Some((
                    (main.score.after - main.score.before) * 100.0,
                    main.difference_interval * 100.0,
                ))
            }),
        ),
        None => (
            "Rows with the same prediction as the original, in percent".to_owned(),
            dots(&|report| report.fidelity.agreement.map(|share| (share * 100.0, 0.0))),
        ),
    };
    html! {
        @if dots.len() > 1 {
            figure.compared {
                figcaption { h3 { "Quality and size" } p.faint { (title) " (vertical), and operations kept (horizontal)." } }
                (scatter(&dots))
            }
        }
    }
}
