//! Numbers with their units.

/// Formats `19298381` as `19,298,381`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats `19298381` as `19.3 M`.
pub fn short(number: u64) -> String {
    scaled(number as f64, 1_000.0, &["", " k", " M", " G", " T", " P"])
}

/// Formats `6819192` as `6.8 MB`.
pub fn bytes(number: u64) -> String {
    scaled(
        number as f64,
        1_000.0,
        &[" B", " kB", " MB", " GB", " TB", " PB"],
    )
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    // What would be rounded up to four digits gets the next unit.
    while value >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    match unit {
        0 => format!("{value:.0}{}", units[0]),
        _ if value < 9.95 => format!("{value:.2}{}", units[unit]),
        _ if value < 99.5 => format!("{value:.1}{}", units[unit]),
        _ => format!("{value:.0}{}", units[unit]),
    }
}

/// Formats milliseconds as `4.8 s`, `2 min 05 s` or `3 h 20 min`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..=9 => format!("{:.1} s", ms as f64 / 1e3),
        10..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600..=86_399 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Formats `0.8085` of a metric between -1 and 1 as `80.85 %`.
pub fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

/// Formats a fraction as a percentage without decimals if it is whole: `40 %`, `39.99 %`.
pub fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".to_owned(),
        _ => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
    }
}

/// Formats a difference of two metrics in points, with its sign: `+0.12`, `−1.30`.
pub fn points(difference: f64) -> String {
    let points = difference * 100.0;
    let sign = if points < 0.0 { "−" } else { "+" };
    format!("{sign}{:.2}", points.abs())
}

#[cfg(test)]
mod tests {
    use super::{bytes, duration, grouped, points, short};

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(19_298_381), "19,298,381");
        assert_eq!(short(999), "999");
        assert_eq!(short(19_298_381), "19.3 M");
        assert_eq!(short(999_950), "1.00 M");
        assert_eq!(short(u64::MAX), "18447 P");
        assert_eq!(bytes(6_819_192), "6.82 MB");
        assert_eq!(duration(0), "0 ms");
        assert_eq!(duration(4_830), "4.8 s");
        assert_eq!(duration(125_000), "2 min 05 s");
        assert_eq!(duration(12_000_000), "3 h 20 min");
        assert_eq!(points(-0.013), "−1.30");
        assert_eq!(points(0.0012), "+0.12");
    }
}
