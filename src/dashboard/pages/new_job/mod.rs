//! `/new`: a form that creates a job.

mod commands;
mod data;
mod draft;
mod inspection;
mod main_fields;
mod settings;
mod sources;

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use url::form_urlencoded::parse;

use super::actions::path;
use super::job::request::document;
use crate::dashboard::api::Visitor;
use crate::dashboard::form::Form;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::view::layout::{Page, Tab};
use crate::dashboard::wire::estimate::Estimate;
use crate::dashboard::wire::job::{Job, Jobs};
use crate::dashboard::wire::problem::Problem;
use crate::dashboard::wire::upload::Uploads;
use data::Found;
use draft::Draft;
use main_fields::{CALIBRATION, MAIN, METRIC, MODEL, TARGET};
use settings::{Setting, Settings};
use sources::SOURCES;

/// Percentage of a new form.
const USUAL_TARGET: &str = "60";

/// What the API says about a draft.
enum Answer {
    None,
    Estimate(Box<Estimate>),
    Problem(Problem),
}

/// Shows the form: empty, or with the request of the job in `from`.
pub(crate) async fn form(visitor: Visitor, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let (known, settings) = prepare(&visitor).await?;
    let query = query.unwrap_or_default();
    let from = parse(query.as_bytes()).find(|(name, _)| name == "from");
    let mut draft = Draft::default();
    draft.set(TARGET, USUAL_TARGET);
    if let Some((_, id)) = from {
        let job: Job = visitor.get(&path(&id, "")?).await?;
        let mut request = document(&job.request);
        request["device"] = json!(job.device);
        request["priority"] = json!(job.priority);
        request["max_attempts"] = json!(job.max_attempts);
        request["labels"] = json!(job.labels);
        draft = Draft::of(&request, &settings);
    }
    let (answer, found) = (Answer::None, Found::default());
    Ok(render(&visitor, &known, &settings, &draft, &answer, &found))
}

/// Checks the form, or creates the job.
pub(crate) async fn act(visitor: Visitor, form: Form) -> Result<Response, Refusal> {
    let (known, settings) = prepare(&visitor).await?;
    let draft = Draft::from_fields(form.pairs());
    let request = draft.request(&settings);
    let (answer, found) = if form.get("action") == Some("create") {
        // A form that is sent twice creates one job.
        let once = form.get("once").unwrap_or_default();
        let once = hex::encode(Sha256::digest(format!("{once}{request}")));
        match visitor.post_once::<Job>("/v1/jobs", &request, &once).await {
            Ok(job) => return Ok(Redirect::to(&format!("/jobs/{}", job.id)).into_response()),
            Err(refusal) => (Answer::Problem(shown(refusal)?), Found::default()),
        }
    } else {
        let (answer, found) = tokio::join!(
            estimated(&visitor, &draft, &request),
            Found::of(&visitor, &draft, &request),
        );
        (answer?, found)
    };
    let mut response = render(&visitor, &known, &settings, &draft, &answer, &found);
    if let Answer::Problem(_) = answer {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// The estimate of a draft. Without a model or calibration data there is none yet.
async fn estimated(visitor: &Visitor, draft: &Draft, request: &Value) -> Result<Answer, Refusal> {
    if !draft.has(MODEL) || !draft.has(CALIBRATION) {
        return Ok(Answer::None);
    }
    match visitor.post("/v1/jobs/estimate", Some(request)).await {
        Ok(estimate) => Ok(Answer::Estimate(Box::new(estimate))),
        Err(refusal) => Ok(Answer::Problem(shown(refusal)?)),
    }
}

/// A problem that the form shows. Rejections that are not about the form have their own page.
fn shown(refusal: Refusal) -> Result<Problem, Refusal> {
    let own = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
    match own.contains(&refusal.status) {
        true => Err(refusal),
        false => Ok(refusal.problem),
    }
}

/// The known sources, and the settings from the description of the API. The sources come first: reading them requires an
/// API key and counts against the rate limit, and reading the description does not.
async fn prepare(visitor: &Visitor) -> Result<(Known, Settings), Refusal> {
    let known = sources(visitor).await?;
    let document: Value = visitor.get("/openapi.json").await?;
    Ok((known, Settings::of(&document)))
}

fn render(
    visitor: &Visitor,
    known: &Known,
    settings: &Settings,
    draft: &Draft,
    answer: &Answer,
    found: &Found,
) -> Response {
    let problem = match answer {
        Answer::Problem(problem) => Some(problem),
        Answer::None | Answer::Estimate(_) => None,
    };
    let estimate = match answer {
        Answer::Estimate(estimate) => Some(estimate.as_ref()),
        Answer::None | Answer::Problem(_) => None,
    };
    let macs = estimate.map(|estimate| estimate.macs);
    let body = html! {
        div.head { h1 { "New job" } }
        form.newjob #newjob method="post" action="/new" data-check {
            input type="hidden" name="once" value=(uuid::Uuid::new_v4().simple());
            div.columns {
                div {
                    fieldset {
                        legend { "Sources" }
                        @for field in &SOURCES { (field.render(draft, error(problem, field.path), found, estimate)) }
                        (datalist("models", &known.models))
                        (datalist("data", &known.data))
                        p.faint { "Addresses begin with " code { "file://" } ", " code { "hf://" } ", " code { "s3://" } " or " code { "upload://" } "." }
                    }
                    (target(settings, draft, problem, macs))
                    details.settings open[has_settings(settings, draft, problem)] {
                        summary { "Settings" }
                        p.faint { "All have defaults that fit most models. An empty field means the default." }
                        @for group in &settings.groups { (group_fields(group, draft, problem)) }
                    }
                }
                div.side {
                    div #check aria-live="polite" {
                        @match answer {
                            Answer::None => (inspection::hint()),
                            Answer::Problem(problem) if found.says(problem) => (inspection::at_field()),
                            Answer::Problem(problem) => (inspection::problem(problem)),
                            Answer::Estimate(estimate) => (inspection::estimate(estimate, draft.get(METRIC))),
                        }
                    }
                    div.bar {
                        button name="action" value="check" { "Check" }
                        button.primary name="action" value="create" { "Create job" }
                    }
                    @if draft.has(MODEL) && draft.has(CALIBRATION) { (commands::commands(&draft.request(settings), settings)) }
                }
            }
        }
    };
    Page::new("New job", Tab::New)
        .session(visitor.has_session)
        .script("upload.js")
        .script("new-job.js")
        .render(&body)
}

fn has_settings(settings: &Settings, draft: &Draft, problem: Option<&Problem>) -> bool {
    let mut all = settings
        .all()
        .filter(|setting| !MAIN.contains(&setting.path.as_str()));
    all.any(|setting| draft.has(&setting.path) || error(problem, &setting.path).is_some())
}

/// What is wrong with a field.
fn error<'a>(problem: Option<&'a Problem>, path: &str) -> Option<&'a str> {
    let pointer = format!("/{}", path.replace('.', "/"));
    let errors = &problem?.errors;
    let own = errors.iter().find(|error| error.pointer == pointer);
    own.map(|error| error.detail.as_str())
}

fn target(
    settings: &Settings,
    draft: &Draft,
    problem: Option<&Problem>,
    macs: Option<u64>,
) -> Markup {
    let value = draft.get(TARGET).unwrap_or_default().trim_end_matches('%');
    let wrong = error(problem, TARGET);
    html! {
        fieldset {
            legend { "Target" }
            div.target data-target data-macs=[macs] {
                label for=(TARGET) { "Keep" }
                input type="range" data-for=(TARGET) min="1" max="99" step="1" value=(value) aria-label="Percentage to keep" hidden;
                input id=(TARGET) name=(TARGET) type="number" min="0.000001" max="99.999999" step="any" value=(value) required aria-invalid=[wrong.map(|_| "true")];
                span { "% of the" }
                @if let Some(metric) = settings.find(METRIC) {
                    select name=(METRIC) aria-label="Quantity" {
                        @for choice in metric.choices() { option value=(choice) selected[draft.get(METRIC) == Some(choice)] { (metric_name(choice)) } }
                    }
                }
                output {}
            }
            @if let Some(wrong) = wrong { p.hint { span.wrong { (wrong) } } }
        }
    }
}

/// The name of a quantity for people.
fn metric_name(metric: &str) -> &str {
    match metric {
        "flops" => "operations (FLOPs)",
        "params" => "parameters",
        "latency_ms" => "time of a forward pass",
        other => other,
    }
}

fn group_fields(group: &settings::Group, draft: &Draft, problem: Option<&Problem>) -> Markup {
    let own = group
        .settings
        .iter()
        .filter(|setting| !MAIN.contains(&setting.path.as_str()));
    let own: Vec<&Setting> = own.collect();
    html! {
        @if !own.is_empty() {
            fieldset.group {
                legend { (group.title) }
                div.grid { @for setting in own { (setting.field(draft.get(&setting.path), error(problem, &setting.path))) } }
            }
        }
    }
}

fn datalist(id: &str, uris: &BTreeSet<String>) -> Markup {
    html! { datalist id=(id) { @for uri in uris { option value=(uri) {} } } }
}

/// Sources that were used or uploaded.
#[derive(Default)]
struct Known {
    models: BTreeSet<String>,
    data: BTreeSet<String>,
}

async fn sources(visitor: &Visitor) -> Result<Known, Refusal> {
    let (jobs, uploads) = tokio::join!(
        visitor.get::<Jobs>("/v1/jobs?limit=20"),
        visitor.get::<Uploads>("/v1/uploads"),
    );
    let mut known = Known::default();
    for job in jobs?.data {
        known.models.insert(job.request.model.uri);
        known.data.insert(job.request.calibration.uri);
        known
            .data
            .extend(job.request.evaluation.map(|evaluation| evaluation.uri));
    }
    for upload in uploads?.data.into_iter().filter(|upload| upload.is_ready()) {
        match upload.is_model() {
            true => known.models.insert(upload.uri),
            false => known.data.insert(upload.uri),
        };
    }
    Ok(known)
}
