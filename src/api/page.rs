//! Pagination.

use std::str::FromStr;

use super::problem::Problem;

/// Default number of items per page, for serde.
pub(super) fn twenty() -> usize {
    20
}

/// Default number of entries per page of a log, for serde.
pub(super) fn hundred() -> usize {
    100
}

/// Checks the number of items per page.
///
/// # Errors
/// Returns 400 if it is not between 1 and `max`.
pub(super) fn check_limit(limit: usize, max: usize) -> Result<(), Problem> {
    match (1..=max).contains(&limit) {
        true => Ok(()),
        false => Err(Problem::bad_request(
            "limit",
            format!("limit is {limit}; it must be between 1 and {max}"),
        )),
    }
}

/// Parses the cursor: the last item of the previous page.
///
/// # Errors
/// Returns 400 if it is invalid.
pub(super) fn cursor<T: FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let read = cursor.map(str::parse).transpose();
    read.map_err(|_| {
        Problem::bad_request(
            "cursor",
            "invalid cursor; use next_cursor of the previous page",
        )
    })
}

/// The cursor of the next page: the last item of this page, if another page follows.
pub(super) fn next_cursor<T, C: ToString>(
    items: &[T],
    has_more: bool,
    id: impl Fn(&T) -> C,
) -> Option<String> {
    let last = items.last().filter(|_| has_more);
    last.map(|item| id(item).to_string())
}
