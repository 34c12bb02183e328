//! What the buttons on the page of a job do.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use crate::dashboard::api::Visitor;
use crate::dashboard::form::Form;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::wire::artifact::SignedUrl;
use crate::dashboard::wire::job::Job;

/// Cancels the job.
pub(crate) async fn cancel(visitor: Visitor, Path(id): Path<String>) -> Result<Redirect, Refusal> {
    let job: Job = visitor.post(&path(&id, "/cancel")?, None).await?;
    Ok(to(&job))
}

/// Creates a job with the same request.
pub(crate) async fn retry(visitor: Visitor, Path(id): Path<String>) -> Result<Redirect, Refusal> {
    let job: Job = visitor.post(&path(&id, "/retry")?, None).await?;
    Ok(to(&job))
}

/// Deletes the job.
pub(crate) async fn delete(visitor: Visitor, Path(id): Path<String>) -> Result<Redirect, Refusal> {
    visitor.delete(&path(&id, "")?).await?;
    Ok(Redirect::to("/"))
}

/// Creates a job with another target from the same scores.
pub(crate) async fn resolve(
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Redirect, Refusal> {
    let value = format!(
        "{}%",
        form.get("percent")
            .unwrap_or_default()
            .trim_end_matches('%')
    );
    let body = json!({"target": {"value": value}});
    let job: Job = visitor.post(&path(&id, "/resolve")?, Some(&body)).await?;
    Ok(to(&job))
}

/// Redirects to a signed URL of a file.
pub(crate) async fn download(
    visitor: Visitor,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let path = file_path(&id, &name)?;
    let signed: SignedUrl = visitor.get(&format!("{path}/url")).await?;
    Ok(Redirect::to(&signed.url).into_response())
}

fn to(job: &Job) -> Redirect {
    Redirect::to(&format!("/jobs/{}", job.id))
}

/// The path of a job in the API.
///
/// # Errors
/// Returns 404 if the id is not one: it would name another path.
pub(crate) fn path(id: &str, end: &str) -> Result<String, Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match id.bytes().all(plain) {
        true => Ok(format!("/v1/jobs/{id}{end}")),
        false => Err(Refusal::here(
            StatusCode::NOT_FOUND,
            "there is no job with this id",
        )),
    }
}

/// The path of a file in the API.
///
/// # Errors
/// Returns 404 if the id is not one.
pub(crate) fn file_path(id: &str, name: &str) -> Result<String, Refusal> {
    // Spaces become `+` in forms, and `%20` in paths.
    let escaped: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    path(id, &format!("/artifacts/{}", escaped.replace('+', "%20")))
}
