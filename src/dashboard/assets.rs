//! Style sheets, scripts and pictures, which are part of the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// A file of the pages.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! assets {
    ($($media_type:ident $name:literal),+ $(,)?) => {
        &[$(Asset {
            name: $name,
            media_type: $media_type,
            content: include_bytes!(concat!("assets/", $name)),
        }),+]
    };
}

const ASSETS: &[Asset] = assets![
    CSS "optin.css",
    SVG "icon.svg",
    SCRIPT "live.js",
    SCRIPT "new-job.js",
    SCRIPT "page.js",
    SCRIPT "upload.js",
];

/// The version of all files, which is part of their URLs.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for asset in ASSETS {
        digest.update(asset.content);
    }
    hex::encode(digest.finalize())[..16].to_owned()
});

/// The URL of a file. It changes with the files, so that browsers may keep them.
pub(crate) fn url(name: &str) -> String {
    format!("/assets/{name}?v={}", *VERSION)
}

/// Returns a file.
pub(crate) async fn get(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.content).into_response()
}
