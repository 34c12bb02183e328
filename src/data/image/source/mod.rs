//! Where images come from: folders, archives, tables and arrays.
//!
//! A source is a table with one row for each image. The images themselves stay where they are.

mod archive;
pub(super) mod columns;
mod digest;
mod files;
mod folder;
mod idx;
mod npy;
mod npz;
pub(super) mod pairs;
mod parquet;
mod paths;
pub(super) mod pictures;
mod strip;
mod tar;
mod zip;

use std::path::Path;

use self::pictures::{Opening, Source};
use crate::data::error::DataError;
use crate::data::format::{self, Format, Packing};

/// Opens a file or a folder.
///
/// # Errors
/// Returns [`DataError`] if the source does not exist, has an unknown format, is malformed, or holds no images.
pub(super) fn open(path: &Path, opening: &Opening<'_>) -> Result<Source, DataError> {
    let name = path.display().to_string();
    if path.is_dir() {
        return of_folder(path, &name, opening);
    }
    if !path.is_file() {
        return Err(DataError::NotFound(name));
    }
    let (format, packing) = Format::of(&name).ok_or_else(|| {
        DataError::Invalid(format!(
            "{name} has an unknown format; images must be in a folder, or in one of {}",
            format::images()
        ))
    })?;
    match format {
        Format::Zip => zip::open(path, &name, opening),
        Format::Tar => tar::open(path, &name, packing, opening),
        Format::Npy => npy::open(path, &name, opening),
        Format::Npz => npz::open(path, &name, opening),
        Format::Idx => idx::open(path, &name, packing, opening),
        Format::Parquet => parquet::open(path, opening),
        Format::Tsv | Format::Csv | Format::JsonLines | Format::Json | Format::Conll => {
            folder::of_table(path, opening)
        }
    }
}
/// Opens the shards of a table in Parquet, the two files of MNIST, or a folder of image files.
fn of_folder(path: &Path, name: &str, opening: &Opening<'_>) -> Result<Source, DataError> {
    let names = folder::names(path, name)?;
    let of = |format: Format| {
        let is_one = move |name: &&String| Format::of(name).is_some_and(|(own, _)| own == format);
        names.iter().filter(is_one).collect::<Vec<_>>()
    };
    if !of(Format::Parquet).is_empty() {
        return parquet::open(path, opening);
    }
    match of(Format::Idx).as_slice() {
        [] => folder::open(path, name, opening),
        [only] => {
            let (inner, packing) = (
                path.join(only),
                Format::of(only).map(|(_, packing)| packing),
            );
            let name = format!("{name}/{only}");
            idx::open(&inner, &name, packing.unwrap_or(Packing::Plain), opening)
        }
        [one, other, ..] => Err(DataError::Invalid(format!(
            "the folder {name} contains several files of images ({one}, {other}); name one of them"
        ))),
    }
}
