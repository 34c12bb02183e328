//! Text from files, for people.

/// A text in one line. Line breaks and tabs become spaces, and other control characters become visible.
pub(crate) fn plain(text: &str) -> String {
    let shown = text.chars().map(|sign| match sign {
        '\n' | '\r' | '\t' => ' ',
        sign if sign.is_control() => char::REPLACEMENT_CHARACTER,
        sign => sign,
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn control_characters_are_visible() {
        assert_eq!(plain("a\tb\r\nc\u{1b}[2J\0ü"), "a b  c\u{fffd}[2J\u{fffd}ü");
    }
}
