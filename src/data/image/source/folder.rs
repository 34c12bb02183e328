//! Image files in a folder of this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::Files;
use super::paths::{self, MAX_DEPTH};
use super::pictures::{Opening, Pictures, Source};
use crate::checkpoint::read_file::ReadFile;
use crate::data::error::DataError;
use crate::data::format::Format;
use crate::data::image::held::Held;
use crate::data::limits::Limits;
use crate::data::table::Table;

/// Opens a folder.
///
/// # Errors
/// Returns [`DataError`] if the folder cannot be read, or holds no images.
pub(super) fn open(folder: &Path, name: &str, opening: &Opening<'_>) -> Result<Source, DataError> {
    let files = files(folder, name, opening.limits)?;
    let paths: Vec<PathBuf> = files.paths.iter().map(|path| folder.join(path)).collect();
    files.source(opening, &|index| read_table(&paths[index], opening))
}

/// Opens a table of paths. The images are below its folder.
///
/// # Errors
/// Returns [`DataError`] if the table or its folder cannot be read, or if an image is missing.
pub(super) fn of_table(path: &Path, opening: &Opening<'_>) -> Result<Source, DataError> {
    let table = read_table(path, opening)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = folder.display().to_string();
    let files = files(folder, &name, opening.limits)?;
    files.listed("", table, opening)
}

/// Returns the names of the files directly in a folder, sorted.
///
/// # Errors
/// Returns [`DataError::Io`] if the folder cannot be read.
pub(super) fn names(folder: &Path, name: &str) -> Result<Vec<String>, DataError> {
    let failed = |source| DataError::Io {
        path: name.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let own = entry.map_err(failed)?.file_name();
        names.extend(own.into_string().ok().filter(|own| !own.starts_with('.')));
    }
    names.sort();
    Ok(names)
}

fn read_table(path: &Path, opening: &Opening<'_>) -> Result<Table, DataError> {
    let lists = |column: &str| opening.reads_list(column);
    Table::read(path, !opening.mapping.is_numbered(), &lists, opening.limits)
}

fn files<'a>(folder: &Path, name: &'a str, limits: &Limits) -> Result<Files<'a>, DataError> {
    let mut paths = Vec::new();
    walk(folder, name, "", 0, limits, &mut paths)?;
    let mut names = super::archive::NameBytes::default();
    for path in &paths {
        names.add(name, path)?;
    }
    Ok(Files {
        holder: name,
        pictures: Arc::new(Loose {
            folder: folder.to_owned(),
            paths: paths.clone(),
        }),
        paths,
    })
}

/// Finds the images and tables below a folder.
fn walk(
    folder: &Path,
    name: &str,
    inner: &str,
    depth: usize,
    limits: &Limits,
    found: &mut Vec<String>,
) -> Result<(), DataError> {
    if depth > MAX_DEPTH {
        return Err(DataError::Invalid(format!(
            "{name} has too many nested folders ({inner}); a link in it may lead back to a folder above"
        )));
    }
    for own in names(&folder.join(inner), name)? {
        let inner = format!("{inner}{own}");
        let path = folder.join(&inner);
        if path.is_dir() {
            walk(folder, name, &format!("{inner}/"), depth + 1, limits, found)?;
        } else if paths::is_image(&own)
            || Format::of(&own).is_some_and(|(format, _)| format.is_table())
        {
            // A pipe has no end, and a device may have none.
            if !path.is_file() {
                return Err(DataError::Invalid(format!(
                    "{name} contains {inner}, which is not a regular file; leave it out"
                )));
            }
            found.push(inner);
            super::archive::check_entries(name, found.len(), limits)?;
        }
    }
    Ok(())
}

/// Files of their own.
struct Loose {
    folder: PathBuf,
    paths: Vec<String>,
}

impl Pictures for Loose {
    fn take(&self, rows: &[usize]) -> Result<Vec<Held>, DataError> {
        let files = rows
            .iter()
            .map(|&row| Held::File(self.folder.join(&self.paths[row])));
        Ok(files.collect())
    }

    fn files(&self) -> Option<Vec<ReadFile>> {
        None
    }
}
