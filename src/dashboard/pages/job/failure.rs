//! Why a job has ended without a result, with the remedy first.

use maud::{Markup, html};

use crate::dashboard::wire::job::{Job, JobError};
use crate::prune::failure::Code;

pub(super) fn failure(job: &Job, error: &JobError) -> Markup {
    let code = serde_json::from_value::<Code>(error.code.as_str().into()).ok();
    html! {
        section.notice.bad role="alert" {
            @if let Some(code) = code { h2 { (remedy(code)) } }
            p.detail { (error.detail) }
            p.faint {
                code { (error.code) }
                @if let Some(stage) = error.stage { " · while " (stage.as_str()) }
                @if error.retryable { " · the same request may succeed later" }
            }
            @if error.retryable {
                form method="post" action={ "/jobs/" (job.id) "/retry" } { button { "Run again" } }
            }
        }
    }
}

/// What to do about a failure, in one sentence. The detail names what is wrong.
fn remedy(code: Code) -> &'static str {
    match code {
        Code::InvalidRecipe => "Correct the setting that the message names",
        Code::InvalidTarget => "Choose a percentage between 0 % and 100 %",
        Code::TargetUnreachable => {
            "Choose the larger target that the message names, or relax the constraints"
        }
        Code::SourceNotFound => {
            "Check the address of the model or data, and that the service may read it"
        }
        Code::SourceUnavailable => {
            "Wait until the host of the model or data responds, and run the job again"
        }
        Code::SourceMismatch => {
            "Run the job again; the download was damaged or the source has changed"
        }
        Code::UnsupportedModel => "Choose a model of a supported architecture",
        Code::UnsafeFormat => "Save the weights as safetensors",
        Code::InvalidCheckpoint => "Repair or export the model folder again",
        Code::InvalidTokenizer => "Add the tokenizer of the model to its folder",
        Code::InvalidData => "Correct the data file at the place that the message names",
        Code::LimitExceeded => {
            "Use fewer or smaller rows, a smaller model, or a machine with more memory"
        }
        Code::StorageFull => "Free disk space for the service, and run the job again",
        Code::StorageUnavailable => {
            "Wait until the storage of the service responds, and run the job again"
        }
        Code::StorageError => "Run the job again; if it fails again, check the disk of the service",
        Code::DeadlineExceeded => "Run the job again with a later deadline or a higher priority",
        Code::Canceled => "Run the job again if it was canceled by mistake",
        Code::OutOfMemory => "Use fewer rows, or a machine with more memory",
        Code::Crashed => {
            "Run the job again; if it ends in the same way, report the model and the stage"
        }
        Code::AttemptsExhausted => "Check that the workers keep running, and run the job again",
        Code::Internal => {
            "Report this failure with the id of the job; the log of the worker has the cause"
        }
    }
}
