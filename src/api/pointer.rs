//! JSON pointers (RFC 6901) to the parts of a body.

use serde_ignored::Path as Ignored;

use crate::unique_json::escaped;

/// Formats a path within a document as a JSON pointer.
pub(super) fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let parts = path.iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escaped(key)),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    });
    parts.collect()
}

/// Formats the path of an ignored property as a JSON pointer.
pub(super) fn ignored_pointer(path: &Ignored) -> String {
    match path {
        Ignored::Root => String::new(),
        Ignored::Seq { parent, index } => format!("{}/{index}", ignored_pointer(parent)),
        Ignored::Map { parent, key } => format!("{}/{}", ignored_pointer(parent), escaped(key)),
        Ignored::Some { parent }
        | Ignored::NewtypeStruct { parent }
        | Ignored::NewtypeVariant { parent } => ignored_pointer(parent),
    }
}
