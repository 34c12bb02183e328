//! Durations on the wire: `90s`, `30m`, `2h`, `1d`.

/// Most digits of a duration.
const MOST_DIGITS: usize = 5;

/// Milliseconds of `90s`, `30m`, `2h` or `1d`.
///
/// # Errors
/// A sentence that says how durations are written.
pub fn parse_ms(text: &str) -> Result<i64, String> {
    let wrong = || {
        format!(
            "\"{text}\" is no duration; write a whole number with s, m, h or d, for example \"2h\", of at most {MOST_DIGITS} digits"
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
    let plain = (1..=MOST_DIGITS).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Err(wrong());
    }
    let count: i64 = digits.parse().map_err(|_| wrong())?;
    Ok(count * factor)
}
