//! The request of a job.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::dashboard::view::copy::block;
use crate::dashboard::wire::job::{Job, Request, Source};

pub(super) fn request(job: &Job) -> Markup {
    let request = &job.request;
    let text = serde_json::to_string_pretty(&document(request)).unwrap_or_default();
    html! {
        section {
            h2 { "Request" }
            dl.facts-list {
                dt { "Model" } dd { code { (request.model.uri) } }
                dt { "Calibration" } dd { code { (request.calibration.uri) } }
                @if let Some(evaluation) = &request.evaluation { dt { "Evaluation" } dd { code { (evaluation.uri) } } }
            }
            details {
                summary { "All settings, as JSON" }
                (block("request", &text))
            }
        }
    }
}

/// The whole request, as `createJob` takes it.
pub(crate) fn document(request: &Request) -> Value {
    let source = |source: &Source| {
        let mut all = Map::from_iter([("uri".to_owned(), json!(source.uri))]);
        all.extend(source.rest.clone());
        Value::Object(all)
    };
    let mut all = Map::from_iter([
        ("model".to_owned(), source(&request.model)),
        ("calibration".to_owned(), source(&request.calibration)),
    ]);
    all.extend(
        request
            .evaluation
            .iter()
            .map(|own| ("evaluation".to_owned(), source(own))),
    );
    let target = &request.target;
    let target =
        json!({"metric": target.metric, "value": target.value, "tolerance": target.tolerance});
    all.insert("target".to_owned(), target);
    all.extend(request.rest.clone());
    Value::Object(all)
}
