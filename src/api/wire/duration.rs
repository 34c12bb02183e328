//! Durations on the wire: `90s`, `30m`, `2h`, `1d`.

/// Longest duration that is taken: 30 days.
const MOST_MS: i64 = 30 * 24 * 3_600_000;

/// Milliseconds of `90s`, `30m`, `2h` or `1d`.
pub(crate) fn parse_ms(text: &str) -> Result<i64, String> {
    let wrong = || {
        format!(
            "\"{text}\" is no duration; write a whole number with s, m, h or d, for example \"2h\", at most 30d"
        )
    };
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: i64 = digits.parse().map_err(|_| wrong())?;
    count
        .checked_mul(factor)
        .filter(|ms| (1..=MOST_MS).contains(ms))
        .ok_or_else(wrong)
}
