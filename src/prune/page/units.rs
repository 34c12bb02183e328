//! Numbers as people read them.

/// Returns `after / before`. It is 0 if both are.
pub(super) fn ratio(after: u64, before: u64) -> f64 {
    after as f64 / before.max(1) as f64
}

/// Formats a fraction as a percentage.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// Formats a fraction that may be small as a percentage.
pub(super) fn share(fraction: f64) -> String {
    match 100.0 * fraction {
        percent if percent >= 10.0 => format!("{percent:.0} %"),
        percent if percent >= 1.0 => format!("{percent:.1} %"),
        percent if percent >= 0.1 => format!("{percent:.2} %"),
        percent => format!("{percent:.3} %"),
    }
}

/// Formats a count with a unit of thousands, such as `285 M`.
pub(super) fn count(number: u64) -> String {
    let steps = [
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    let step = steps.iter().find(|(size, _)| number >= *size);
    match step {
        Some((size, name)) => format!("{} {name}", three_digits(number as f64 / *size as f64)),
        None => number.to_string(),
    }
}

/// Formats a size.
pub(super) fn bytes(number: u64) -> String {
    let steps = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let step = steps.iter().find(|(size, _)| number >= *size);
    match step {
        Some((size, name)) => format!("{} {name}", three_digits(number as f64 / *size as f64)),
        None => format!("{number} bytes"),
    }
}

/// Formats a time in milliseconds.
pub(super) fn milliseconds(time: f64) -> String {
    format!("{} ms", three_digits(time))
}

/// Formats a duration.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ => format!("{:.1} min", ms as f64 / 60_000.0),
    }
}

/// Formats a number with about three digits.
fn three_digits(number: f64) -> String {
    match number {
        _ if number >= 100.0 => format!("{number:.0}"),
        _ if number >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
