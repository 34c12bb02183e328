//! Errors.

use serde::Deserialize;

/// An error response.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Problem {
    pub(crate) title: String,
    pub(crate) detail: String,
    pub(crate) request_id: Option<String>,
    #[serde(default)]
    pub(crate) errors: Vec<FieldError>,
}

/// An invalid part of a request.
#[derive(Debug, Deserialize)]
pub(crate) struct FieldError {
    pub(crate) pointer: String,
    pub(crate) detail: String,
}
