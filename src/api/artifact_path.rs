//! Paths of artifacts in requests. The name of an artifact may contain `/`, but is one parameter of its route.
//!
//! In a path parameter, OpenAPI allows `/` only as `%2F`, and generated clients send it so. People write `/`, and some
//! proxies decode or reject `%2F`. So the service accepts both forms: the second is rewritten to the first before a
//! request is routed.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use crate::file_name::FileName;
use crate::job::JobId;

/// End of the paths of `getArtifactUrl`.
const URL: &str = "/url";

/// The path of `getArtifact`, with `/` as it is. A path that ends in `/url` belongs to `getArtifactUrl`, so a file with
/// the name `url` in a folder needs the other form.
pub(super) fn href(job: JobId, name: &FileName) -> String {
    match name.as_str().strip_suffix(URL) {
        Some(folder) => format!("/v1/jobs/{job}/artifacts/{folder}%2Furl"),
        None => format!("/v1/jobs/{job}/artifacts/{name}"),
    }
}

/// Rewrites each `/` in the name of an artifact in the path to `%2F`.
pub(super) fn encode_name(mut request: Request) -> Request {
    let uri = request.uri();
    if let Some(path) = encoded(uri.path())
        && let Some(uri) = with_path(uri, path)
    {
        *request.uri_mut() = uri;
    }
    request
}

/// The path with an encoded name. `None` if it has no name or a name without `/`.
fn encoded(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.splitn(6, '/').collect();
    let (name, end) = match parts.as_slice() {
        ["", "v1", "jobs", _, "artifacts", rest] => rest
            .strip_suffix(URL)
            .map_or((*rest, ""), |name| (name, URL)),
        ["", "v1", "blobs", "jobs", _, rest] => (rest.split_once('/')?.1, ""),
        _ => return None,
    };
    let start = path.len() - name.len() - end.len();
    name.contains('/')
        .then(|| format!("{}{}{end}", &path[..start], name.replace('/', "%2F")))
}

fn with_path(uri: &Uri, mut path: String) -> Option<Uri> {
    if let Some(query) = uri.query() {
        path = format!("{path}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn only_slashes_in_names_are_encoded() {
        for (path, expected) in [
            ("/v1/jobs/j/artifacts/a/b", "/v1/jobs/j/artifacts/a%2Fb"),
            (
                "/v1/jobs/j/artifacts/a/b/c.d/url",
                "/v1/jobs/j/artifacts/a%2Fb%2Fc.d/url",
            ),
            (
                "/v1/jobs/j/artifacts/a/url/b",
                "/v1/jobs/j/artifacts/a%2Furl%2Fb",
            ),
            (
                "/v1/jobs/j/artifacts/a%2Fb/c",
                "/v1/jobs/j/artifacts/a%2Fb%2Fc",
            ),
            (
                "/v1/blobs/jobs/j/1/a/b/url",
                "/v1/blobs/jobs/j/1/a%2Fb%2Furl",
            ),
        ] {
            assert_eq!(encoded(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "/v1/jobs/j/artifacts",
            "/v1/jobs/j/artifacts/",
            "/v1/jobs/j/artifacts/a",
            "/v1/jobs/j/artifacts/a%2Fb",
            "/v1/jobs/j/artifacts/a/url",
            "/v1/jobs/j/artifacts/url",
            "/v1/jobs/j/events/stream/a",
            "/v1/blobs/jobs/j/1/a",
            "/v1/blobs/jobs/j",
            "/v1/blobs/uploads/t/u/a",
        ] {
            assert_eq!(encoded(path), None, "{path}");
        }
    }
}
