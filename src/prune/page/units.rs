//! Numbers of the report that other pages do not have.

/// Formats a fraction as a percentage.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// Formats a fraction that may be small as a percentage.
pub(super) fn small(fraction: f64) -> String {
    match 100.0 * fraction {
        percent if percent >= 10.0 => format!("{percent:.0} %"),
        percent if percent >= 1.0 => format!("{percent:.1} %"),
        percent if percent >= 0.1 => format!("{percent:.2} %"),
        percent => format!("{percent:.3} %"),
    }
}

/// Formats a time in milliseconds with about three digits.
pub(super) fn milliseconds(time: f64) -> String {
    match time {
        _ if time >= 100.0 => format!("{time:.0} ms"),
        _ if time >= 10.0 => format!("{time:.1} ms"),
        _ => format!("{time:.2} ms"),
    }
}
