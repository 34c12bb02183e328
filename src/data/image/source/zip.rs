//! Image files in a zip archive, which are read in place.

use std::path::Path;
use std::sync::Arc;

use zip::ZipArchive;
use zip::result::ZipError;

use super::files::Files;
use super::pictures::{Opening, Pictures, Source};
use super::{archive, digest};
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::regular_file;
use crate::data::error::DataError;
use crate::data::image::held::Held;
use crate::data::image::window::{Budget, Window};

/// Maximum of the bytes that are read to find and read the list of the entries. An entry takes about four times as much
/// memory as its bytes in the list.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Opens an archive.
///
/// # Errors
/// Returns [`DataError`] if the archive cannot be read, or holds no images.
pub(super) fn open(path: &Path, name: &str, opening: &Opening<'_>) -> Result<Source, DataError> {
    let opened = unpack(path, name)?;
    archive::check_entries(name, opened.len(), opening.limits)?;
    if opened.has_duplicate_names() {
        return Err(DataError::Invalid(format!(
            "{name} contains an entry twice; create the zip archive again"
        )));
    }
    let (mut paths, mut indices) = (Vec::new(), Vec::new());
    let mut names = archive::NameBytes::default();
    for index in 0..opened.len() {
        let entry = opened
            .by_index_data(index)
            .map_err(|error| broken(name, &error))?;
        let own = entry.name().map_err(|error| broken(name, &error))?;
        if entry.is_dir() {
            continue;
        }
        let Some(path) = archive::wanted(name, &own)? else {
            continue;
        };
        names.add(name, &path)?;
        if entry.is_symlink() {
            let remedy =
                "create it without zip -y, so that it stores the files that the links point to";
            return Err(archive::link(name, &path, remedy));
        }
        paths.push(path);
        indices.push(index);
    }
    let zipped = Zipped {
        archive: opened,
        record: digest::record(path, name)?,
        indices,
    };
    let names = paths.clone();
    let tables = zipped.clone();
    let read = |index: usize| {
        let table = format!("{name}/{}", names[index]);
        let bytes = tables.held(index).read(&table)?.into_owned();
        opening.parse(&table, bytes)
    };
    let files = Files {
        holder: name,
        paths,
        pictures: Arc::new(zipped),
    };
    files.source(opening, &read)
}

/// Reads the list of the entries of an archive.
///
/// # Errors
/// Returns [`DataError`] if the file is not a zip archive, or if the list is too long.
pub(super) fn unpack(path: &Path, name: &str) -> Result<ZipArchive<Window>, DataError> {
    let file = regular_file::open(path).map_err(|source| DataError::Io {
        path: name.to_owned(),
        source,
    })?;
    let budget = Budget::new(MAX_LIST_BYTES);
    let opened = ZipArchive::new(Window::new(Arc::new(file), budget.clone()));
    if opened.is_err() && budget.is_spent() {
        return Err(DataError::Limit(format!(
            "{name} has no list of entries of at most {MAX_LIST_BYTES} bytes at its end: it has too many entries, or is not a zip archive; \
             use fewer images, or a tar archive"
        )));
    }
    budget.lift();
    opened.map_err(|error| broken(name, &error))
}

/// Returns the error for an archive that cannot be read.
pub(super) fn broken(name: &str, error: &ZipError) -> DataError {
    match error {
        ZipError::Io(source) if source.raw_os_error().is_some() => DataError::Io {
            path: name.to_owned(),
            source: std::io::Error::from(source.kind()),
        },
        _ => DataError::Invalid(format!(
            "{name} is not a readable zip archive: it is truncated, damaged, or has another format; create it again"
        )),
    }
}

/// The images of an archive.
#[derive(Clone)]
struct Zipped {
    archive: ZipArchive<Window>,
    record: ReadFile,
    /// The index of each image among all entries.
    indices: Vec<usize>,
}

impl Zipped {
    fn held(&self, row: usize) -> Held {
        Held::Zipped {
            archive: self.archive.clone(),
            index: self.indices[row],
        }
    }
}

impl Pictures for Zipped {
    fn take(&self, rows: &[usize]) -> Result<Vec<Held>, DataError> {
        Ok(rows.iter().map(|&row| self.held(row)).collect())
    }

    fn files(&self) -> Option<Vec<ReadFile>> {
        Some(vec![self.record.clone()])
    }
}
