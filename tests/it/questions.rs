//! Extractive question answering: tables of questions, windows of long texts, metrics, and a whole run.

mod goldens;
mod metrics;
mod run;
mod tables;

use std::sync::Arc;

use optin::answer::task::Answer;
use serde_json::json;

use crate::fixture::task::task;

fn answer() -> Arc<dyn Answer> {
    task(json!({"architectures": ["BertForQuestionAnswering"]}))
}
