//! The problem of a request whose body arrives too slowly.

use std::error::Error;

use axum::http::StatusCode;

use super::problem::{Problem, ProblemCode};
use crate::artifact::network;
use crate::artifact::progress::Stalled;

/// The problem of a body that could not be read because it stalled. `None` if it failed for another reason.
pub(super) fn stall(error: &(dyn Error + 'static)) -> Option<Problem> {
    network::cause(error).map(stalled)
}

/// The problem of a body that stalled.
pub(super) fn stalled(stalled: &Stalled) -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        ProblemCode::BodyStalled,
        format!(
            "the body of the request stalled: {stalled}; nothing was changed, so send the request again"
        ),
    )
}
