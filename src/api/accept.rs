//! Content negotiation between two media types of a response (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// Preference of a client for a media type: the quality, and the position in the list of the range that matches it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Preference {
    quality: f32,
    position: usize,
}

/// Whether the client prefers `wanted` to `usual`, the default. Between media types of equal quality, the first in the list
/// wins. A client that accepts neither gets the default.
pub(super) fn prefers(headers: &HeaderMap, wanted: &str, usual: &str) -> bool {
    let lists = headers.get_all(header::ACCEPT).iter();
    let lists: Vec<&str> = lists.filter_map(|list| list.to_str().ok()).collect();
    let ranges = lists.join(",");
    match (preference(&ranges, wanted), preference(&ranges, usual)) {
        (Some(wanted), Some(usual)) if wanted.quality == usual.quality => {
            wanted.position < usual.position
        }
        (Some(wanted), Some(usual)) => wanted.quality > usual.quality,
        (Some(wanted), None) => wanted.quality > 0.0,
        (None, _) => false,
    }
}

/// The preference for a media type, from the most specific range that matches it.
fn preference(ranges: &str, media_type: &str) -> Option<Preference> {
    let (kind, _) = media_type.split_once('/')?;
    let mut best: Option<(u8, Preference)> = None;
    for (position, range) in ranges.split(',').enumerate() {
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
            best = Some((specific, Preference { quality, position }));
        }
    }
    best.map(|(_, preference)| preference)
}

#[cfg(test)]
mod tests {
    use super::prefers;
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn the_preferred_media_type_wins() {
        for (accept, wanted) in [
            ("text/event-stream", true),
            ("Text/Event-Stream;q=0.5", true),
            // Generated clients list every media type of the contract.
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
