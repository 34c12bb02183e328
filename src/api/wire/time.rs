//! Times on the wire: RFC 3339 in UTC, and the current time.

use crate::job::UnixMs;

/// Formats `1700000000000` as `2023-11-14T22:13:20Z`.
pub(crate) fn rfc3339(moment: UnixMs) -> String {
    match jiff::Timestamp::from_millisecond(moment) {
        Ok(timestamp) => timestamp.to_string(),
        // RFC 3339 ends with the year 9999.
        Err(_) => String::from("9999-12-31T23:59:59Z"),
    }
}

/// The current time, for ETAs and expiries. Stored times are database time.
pub(crate) fn now_ms() -> UnixMs {
    jiff::Timestamp::now().as_millisecond()
}
