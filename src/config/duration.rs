//! Durations on the command line, written as in the API: `90s`, `30m`, `2h` or `1d`.

use std::time::Duration;

use crate::api::parse_ms;

/// Parses a duration.
///
/// # Errors
/// Returns a message that describes the format.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_ms(text).map(|ms| Duration::from_millis(ms.unsigned_abs()))
}

/// Returns a parser of durations from `min` to `max`, which are written as durations themselves.
pub(super) fn between(
    min: &'static str,
    max: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let value = duration(text)?;
        match (duration(min)?..=duration(max)?).contains(&value) {
            true => Ok(value),
            false => Err(format!("must be between {min} and {max}")),
        }
    }
}
