//! Paths of images within a folder or an archive.

use std::path::{Component, Path};

use crate::data::error::DataError;

/// Maximum number of folders above an image.
pub(super) const MAX_DEPTH: usize = 8;

/// The ends of names that are taken for images. An image in a format that is not read is an error, because a dataset
/// without it would be another one.
const IMAGES: &[&str] = &[
    "avif", "bmp", "gif", "heic", "jfif", "jpe", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff",
    "webp",
];

/// Whether this is the path of an image.
pub(super) fn is_image(path: &str) -> bool {
    let end = path.rsplit_once('.').map(|(_, end)| end.to_lowercase());
    end.is_some_and(|end| IMAGES.contains(&end.as_str()))
}

/// Whether a file or one of its folders is hidden, such as the copies of properties that macOS adds to archives.
pub(super) fn is_hidden(path: &str) -> bool {
    path.split('/')
        .any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// Returns a path in its simplest form.
///
/// # Errors
/// Returns [`DataError::Invalid`] if it is absolute, leads out of the folder or archive, or is too deep. The message
/// begins with `holder`.
pub(super) fn plain(holder: &str, path: &str) -> Result<String, DataError> {
    let wrong = |why: &str| {
        DataError::Invalid(format!(
            "{holder} contains the path \"{path}\", which {why}; paths must be relative, without \"..\""
        ))
    };
    // Windows' separator would be part of a name.
    let with_slashes = path.replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in Path::new(&with_slashes).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => parts.push(name.to_str().unwrap_or_default()),
            Component::ParentDir => return Err(wrong("leads out of it")),
            Component::RootDir | Component::Prefix(_) => return Err(wrong("is absolute")),
        }
    }
    match parts.len() {
        0 => Err(wrong("is empty")),
        length if length > MAX_DEPTH + 1 => Err(wrong("has too many folders")),
        _ => Ok(parts.join("/")),
    }
}

/// Returns the folders that all of these paths begin with, each with a slash at its end.
pub(super) fn common_folder<'a>(mut paths: impl Iterator<Item = &'a str>) -> &'a str {
    let folder = |path: &'a str| &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
    let Some(first) = paths.next() else {
        return "";
    };
    paths.fold(folder(first), |common, path| {
        let same = common
            .bytes()
            .zip(path.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        folder(&common[..same])
    })
}
