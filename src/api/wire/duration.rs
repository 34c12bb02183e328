//! Durations on the wire: `90s`, `30m`, `2h`, `1d`.

/// Maximum number of digits of a duration.
const MAX_DIGITS: usize = 5;

/// Parses `90s`, `30m`, `2h` or `1d` to milliseconds.
///
/// # Errors
/// Returns a message that describes the format.
pub fn parse_ms(text: &str) -> Result<i64, String> {
    let wrong = || {
        format!(
            "\"{text}\" is not a duration; write an integer of at most {MAX_DIGITS} digits and a unit (s, m, h or d), for example \"2h\""
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
    let plain = (1..=MAX_DIGITS).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Err(wrong());
    }
    let count: i64 = digits.parse().map_err(|_| wrong())?;
    Ok(count * factor)
}
