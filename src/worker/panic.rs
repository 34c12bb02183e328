//! A panic of the core as the failure of an attempt.

use std::any::Any;

use crate::prune::failure::{Code, Failure};

/// Returns the failure for what a caught panic carries.
#[must_use]
pub(super) fn failure_of(panic: &(dyn Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Failure::new(
        Code::Internal,
        format!("a panic: {}", text.unwrap_or("no message")),
    )
}
