//! Images and their label maps in two folders, as files of the same name but for its ending.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::error::DataError;

/// Names of folders of images.
const IMAGES: &[&str] = &["images", "image", "img"];

/// Names of folders of label maps.
const MAPS: &[&str] = &[
    "labels",
    "label",
    "annotations",
    "annotation",
    "masks",
    "mask",
];

/// The images of a source with label maps, sorted by path.
pub(super) struct Pairs {
    /// The index of each image among the files.
    pub(super) images: Vec<usize>,
    /// The index of the label map of each image. If they do not form pairs, what is wrong and how to correct it.
    pub(super) maps: Result<Vec<usize>, String>,
}

/// Returns the two folders for a message: "images (or image, img) and labels (or label, ..)".
pub(in crate::data::image) fn folders() -> String {
    let either = |names: &[&str]| match names.split_first() {
        Some((first, others)) => format!("{first} (or {})", others.join(", ")),
        None => String::new(),
    };
    format!("{} and {}", either(IMAGES), either(MAPS))
}

/// Finds the folder of images and the folder of label maps, which are directly below `common`. `files` are the images
/// among the files, by index, and `holder` is the name of the source. Returns `None` if one of the folders is missing.
///
/// # Errors
/// Returns [`DataError::Invalid`] if there are several folders of images.
pub(super) fn find(
    holder: &str,
    paths: &[String],
    files: &[usize],
    common: &str,
) -> Result<Option<Pairs>, DataError> {
    let inner = |index: usize| paths[index][common.len()..].split_once('/');
    let tops: BTreeSet<&str> = files
        .iter()
        .filter_map(|&index| inner(index).map(|(top, _)| top))
        .collect();
    let named = |names: &[&str]| -> Vec<&str> {
        let is_one = |top: &&str| names.contains(&top.to_lowercase().as_str());
        tops.iter().copied().filter(is_one).collect()
    };
    let (of_images, of_maps) = (named(IMAGES), named(MAPS));
    let (Some(&images), Some(&maps)) = (of_images.first(), of_maps.first()) else {
        return Ok(None);
    };
    if let [_, other, ..] = of_images.as_slice() {
        return Err(DataError::Invalid(format!(
            "{holder} contains two folders of images, {common}{images} and {common}{other}; keep one of them"
        )));
    }
    // The files of a folder by their path in it, without its ending.
    let by_stem = |wanted: &str| {
        let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for &index in files {
            if let Some((top, path)) = inner(index)
                && top == wanted
            {
                let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
                found.entry(stem).or_default().push(index);
            }
        }
        found
    };
    let (images, maps) = (by_stem(images), by_stem(maps));
    let wrong = match of_maps.as_slice() {
        [one, other, ..] => Some(format!(
            "{holder} contains two folders of label maps, {common}{one} and {common}{other}; keep one of them"
        )),
        _ => unpaired(holder, paths, &images, &maps),
    };
    Ok(Some(Pairs {
        images: images.into_values().flatten().collect(),
        // Both are sorted by their stems, which are the same.
        maps: wrong.map_or_else(|| Ok(maps.into_values().flatten().collect()), Err),
    }))
}

/// Returns what is wrong with the first file that is not one of a pair.
fn unpaired(
    holder: &str,
    paths: &[String],
    images: &BTreeMap<&str, Vec<usize>>,
    maps: &BTreeMap<&str, Vec<usize>>,
) -> Option<String> {
    for all in [images, maps] {
        if let Some([one, other, ..]) = all.values().map(Vec::as_slice).find(|own| own.len() > 1) {
            return Some(format!(
                "{holder} contains two files with the same name but for its ending, {} and {}; keep one of them",
                paths[*one], paths[*other]
            ));
        }
    }
    let alone = |own: &BTreeMap<&str, Vec<usize>>, others: &BTreeMap<&str, Vec<usize>>| {
        let mut alone = own.iter().filter(|(stem, _)| !others.contains_key(*stem));
        alone.next().map(|(_, files)| paths[files[0]].clone())
    };
    if let Some(image) = alone(images, maps) {
        return Some(format!(
            "{holder}: the image {image} has no label map; add a label map of the same name, or leave the image out"
        ));
    }
    alone(maps, images).map(|map| {
        format!(
            "{holder}: the label map {map} has no image; add an image of the same name, or leave the label map out"
        )
    })
}
