//! Content negotiation: which of two forms of an answer a caller prefers (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// How a caller likes a media type: its quality, and where the range that names it stands in the list.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Liking {
    quality: f32,
    place: usize,
}

/// Whether the caller prefers `wanted` over `usual`, the form that is sent unless asked otherwise. Of two media types of one
/// quality the first that is named wins; a caller who names none has the usual one.
pub(super) fn prefers(headers: &HeaderMap, wanted: &str, usual: &str) -> bool {
    let lists = headers.get_all(header::ACCEPT).iter();
    let lists: Vec<&str> = lists.filter_map(|list| list.to_str().ok()).collect();
    let ranges = lists.join(",");
    match (liking(&ranges, wanted), liking(&ranges, usual)) {
        (Some(wanted), Some(usual)) if wanted.quality == usual.quality => {
            wanted.place < usual.place
        }
        (Some(wanted), Some(usual)) => wanted.quality > usual.quality,
        (Some(wanted), None) => wanted.quality > 0.0,
        (None, _) => false,
    }
}

/// By the most specific range that covers a media type.
fn liking(ranges: &str, media_type: &str) -> Option<Liking> {
    let (kind, _) = media_type.split_once('/')?;
    let mut best: Option<(u8, Liking)> = None;
    for (place, range) in ranges.split(',').enumerate() {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let specific = match name.split_once('/') {
            _ if name.eq_ignore_ascii_case(media_type) => 2,
            Some((own, "*")) if own.eq_ignore_ascii_case(kind) => 1,
            Some(("*", "*")) => 0,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        let quality = quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        if best.is_none_or(|(known, _)| specific > known) {
            best = Some((specific, Liking { quality, place }));
        }
    }
    best.map(|(_, liking)| liking)
}

#[cfg(test)]
mod tests {
    use super::prefers;
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn the_form_that_is_liked_best_is_sent() {
        for (accept, wanted) in [
            ("text/event-stream", true),
            ("Text/Event-Stream;q=0.5", true),
            // Generated clients name every form that the contract has.
            ("application/json, text/event-stream", false),
            ("text/event-stream, application/json", true),
            ("application/json;q=0.5, text/event-stream", true),
            ("text/event-stream;q=0.4, */*;q=0.5", false),
            ("text/*", true),
            ("text/event-stream;q=0", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let found = prefers(&headers, "text/event-stream", "application/json");
            assert_eq!(found, wanted, "{accept}");
        }
        assert!(!prefers(
            &HeaderMap::new(),
            "text/event-stream",
            "application/json"
        ));
    }
}
