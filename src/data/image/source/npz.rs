//! Arrays of images and labels in one archive (`.npz`).

use std::io::Read;
use std::path::Path;

use zip::ZipArchive;

use super::archive;
use super::npy::Header;
use super::pictures::{Opening, Source};
use super::strip::{Strip, Unpacked};
use super::zip::{broken, unpack};
use crate::data::error::DataError;
use crate::data::image::window::Window;

/// Names of the array of images.
const IMAGES: &[&str] = &["x", "X", "images", "image"];

/// Names of the array of labels.
const LABELS: &[&str] = &["y", "Y", "labels", "label"];

/// The end of the name of an array in the archive.
const END: &str = ".npy";

/// Opens an archive.
///
/// # Errors
/// Returns [`DataError`] if the file is not an archive of arrays, or if it has no array of images.
pub(super) fn open(path: &Path, name: &str, opening: &Opening<'_>) -> Result<Source, DataError> {
    let opened = unpack(path, name)?;
    archive::check_entries(name, opened.len(), opening.limits)?;
    let find = |names: &[&'static str]| {
        let mut indices = names
            .iter()
            .map(|own| (*own, opened.index_for_name(&format!("{own}{END}"))));
        indices.find_map(|(own, index)| Some((own, index?)))
    };
    let Some((images, index)) = find(IMAGES) else {
        let known: Vec<String> = opened
            .file_names()
            .flatten()
            .take(20)
            .map(|own| own.trim_end_matches(END).to_owned())
            .collect();
        return Err(DataError::Invalid(format!(
            "{name} has no array x with the images (or images, image); its arrays are {}",
            known.join(", ")
        )));
    };
    let place = format!("{name}, array {images}");
    let header = header(&opened, index, name, &place)?;
    let form = header.form(&place)?;
    let unpacked = Unpacked::entry(path, &place, &opened, index, opening.limits.file_bytes);
    let rows = header.shape[0];
    let strip = Strip::new(unpacked, header.bytes, rows, form, opening.limits)?;
    let labels = match find(LABELS) {
        Some((labels, index)) => {
            let place = format!("{name}, array {labels}");
            let mut opened = opened.clone();
            let mut entry = opened
                .by_index(index)
                .map_err(|error| broken(name, &error))?;
            let header = Header::read(&mut entry, &place)?;
            Some(header.numbers(&mut entry, rows, &place)?)
        }
        None => None,
    };
    strip.source(
        name,
        labels,
        &format!("{name} has no array y with the labels (or labels, label); add it"),
    )
}

fn header(
    archive: &ZipArchive<Window>,
    index: usize,
    name: &str,
    place: &str,
) -> Result<Header, DataError> {
    let mut archive = archive.clone();
    let mut entry = archive
        .by_index(index)
        .map_err(|error| broken(name, &error))?;
    let reader: &mut dyn Read = &mut entry;
    Header::read(reader, place)
}
