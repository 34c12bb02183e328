//! What every page has in common: how much of it, and from where.

use std::str::FromStr;

use super::problem::Problem;

/// Items of a page when nobody says how many; for serde's defaults.
pub(super) fn twenty() -> usize {
    20
}

/// Refuses a page of no items, or of more than there may be.
pub(super) fn check_limit(limit: usize, most: usize) -> Result<(), Problem> {
    match (1..=most).contains(&limit) {
        true => Ok(()),
        false => Err(Problem::bad_request(
            "limit",
            format!("limit is {limit}; it must lie between 1 and {most}"),
        )),
    }
}

/// The item after which the page begins, as the page before named it.
pub(super) fn cursor<T: FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let read = cursor.map(str::parse).transpose();
    read.map_err(|_| Problem::bad_request("cursor", "this cursor was not given by a page"))
}
