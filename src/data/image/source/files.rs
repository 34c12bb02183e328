//! Image files in class folders, with a table of their paths and labels, or with label maps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::pairs::{self, Pairs};
use super::paths::{self, common_folder};
use super::pictures::{Form, Maps, Opening, Pictures, Source};
use super::{archive, columns};
use crate::checkpoint::read_file::ReadFile;
use crate::data::error::DataError;
use crate::data::format::{self, Format, Packing};
use crate::data::image::held::Held;
use crate::data::table::Table;
use crate::data::table::cell::Cell;

/// Maximum number of tables that are tried.
const MAX_TABLES: usize = 16;

/// The files of a folder or of an archive.
pub(super) struct Files<'a> {
    /// Path of the folder or archive, for messages.
    pub(super) holder: &'a str,
    /// Paths within it.
    pub(super) paths: Vec<String>,
    /// The content of the files, in the order of the paths.
    pub(super) pictures: Arc<dyn Pictures>,
}

impl Files<'_> {
    /// Returns the images as a source. `table` reads a table, by its index among the files.
    ///
    /// # Errors
    /// Returns [`DataError`] if there are no images, if a path occurs twice, or if a table cannot be used.
    pub(super) fn source(
        self,
        opening: &Opening<'_>,
        table: &dyn Fn(usize) -> Result<Table, DataError>,
    ) -> Result<Source, DataError> {
        archive::check_entries(self.holder, self.paths.len(), opening.limits)?;
        let mut seen = HashSet::new();
        if let Some(twice) = self.paths.iter().find(|path| !seen.insert(path.as_str())) {
            return Err(DataError::Invalid(format!(
                "{} contains {twice} twice",
                self.holder
            )));
        }
        let mut images: Vec<usize> = (0..self.paths.len()).collect();
        images.retain(|&index| paths::is_image(&self.paths[index]));
        images.sort_by_key(|&index| &self.paths[index]);
        if images.is_empty() {
            return Err(DataError::Invalid(format!(
                "{} contains no images; it must contain JPEG, PNG, WebP or BMP files, in one folder for each class; other \
                 sources of images are {}",
                self.holder,
                format::images()
            )));
        }
        let common =
            common_folder(images.iter().map(|&index| self.paths[index].as_str())).to_owned();
        if opening.reads_maps()
            && let Some(pairs) = pairs::find(self.holder, &self.paths, &images, &common)?
        {
            return Ok(self.in_pairs(pairs));
        }
        match self.table(&common, opening, table)? {
            Some((folder, table)) => self.listed(&folder, table, opening),
            None => Ok(self.in_folders(&common, images)),
        }
    }

    /// Returns the table with the paths of the images, and its folder.
    fn table(
        &self,
        common: &str,
        opening: &Opening<'_>,
        read: &dyn Fn(usize) -> Result<Table, DataError>,
    ) -> Result<Option<(String, Table)>, DataError> {
        let folder = |path: &str| path[..path.rfind('/').map_or(0, |slash| slash + 1)].to_owned();
        let is_table = |path: &String| {
            let packings = [Packing::Plain];
            let format = Format::of(path).filter(|(_, packing)| packings.contains(packing));
            matches!(
                format,
                Some((Format::Tsv | Format::Csv | Format::JsonLines, _))
            ) && common.starts_with(&folder(path))
        };
        let tables = (0..self.paths.len()).filter(|&index| is_table(&self.paths[index]));
        let tables: Vec<usize> = tables.take(MAX_TABLES).collect();
        // The name that the hub gives to this table.
        let is_metadata = |&&index: &&usize| {
            let path = &self.paths[index];
            path[folder(path).len()..].starts_with("metadata.")
        };
        let tried = match tables.iter().find(is_metadata) {
            Some(&metadata) => vec![metadata],
            None => tables,
        };
        let mut found: Vec<(usize, Table)> = Vec::new();
        for index in tried {
            let table = read(index)?;
            // Other tables can lie beside the images.
            if columns::image(&table, opening.mapping)?.is_some() {
                found.push((index, table));
            }
        }
        if let [(one, _), (other, _), ..] = found.as_slice() {
            return Err(DataError::Invalid(format!(
                "{} contains two tables of images, {} and {}; keep one of them",
                self.holder, self.paths[*one], self.paths[*other]
            )));
        }
        let only = found.pop();
        Ok(only.map(|(index, table)| (folder(&self.paths[index]), table)))
    }

    /// Returns the images whose paths a table lists. The paths are relative to the folder of the table.
    pub(super) fn listed(
        self,
        folder: &str,
        table: Table,
        opening: &Opening<'_>,
    ) -> Result<Source, DataError> {
        let Some(column) = columns::image(&table, opening.mapping)? else {
            return Err(table.missing("the paths of images", "text"));
        };
        let mut by_path: HashMap<&str, usize> = HashMap::new();
        for (index, path) in self.paths.iter().enumerate() {
            by_path.insert(path, index);
        }
        let file = |row: usize| {
            let place = table.place(row);
            let path = paths::plain(&place, table.text(row, column)?)?;
            let index = by_path.get(format!("{folder}{path}").as_str());
            index.copied().ok_or_else(|| {
                DataError::Invalid(format!(
                    "{place} names the image \"{path}\", which {} does not contain; paths are relative to the folder of the table",
                    self.holder
                ))
            })
        };
        let order = (0..table.rows.len()).map(file);
        Ok(Source {
            holder: self.holder.to_owned(),
            image: table.names[column].clone(),
            pictures: Box::new(Ordered {
                order: order.collect::<Result<_, _>>()?,
                pictures: self.pictures,
            }),
            table,
            form: Form::Encoded,
            maps: None,
            unlabeled: None,
        })
    }

    /// Returns the images of class folders, which are the folders below the common one.
    fn in_folders(self, common: &str, images: Vec<usize>) -> Source {
        let class = |path: &str| {
            path[common.len()..]
                .split_once('/')
                .map(|(class, _)| class.to_owned())
        };
        let own = common.trim_end_matches('/').rsplit('/').next();
        let own = own.filter(|own| !own.is_empty()).map(str::to_owned);
        let mut classes: Vec<Option<String>> = images
            .iter()
            .map(|&index| class(&self.paths[index]))
            .collect();
        // All images are in one folder.
        if classes.iter().all(Option::is_none) {
            classes.fill(own);
        }
        let unlabeled = classes.iter().all(Option::is_none).then(|| {
            format!(
                "{} has no labels; put the images into one folder for each class, or add a table metadata.csv with the columns \
                 file_name and label",
                self.holder
            )
        });
        let entries: Vec<String> = images
            .iter()
            .map(|&index| self.paths[index].clone())
            .collect();
        let rows = entries.iter().zip(classes).map(|(path, class)| {
            let class = class.map_or(Cell::Null, Cell::Text);
            vec![Cell::Text(path.clone()), class]
        });
        let rows = rows.collect();
        Source {
            holder: self.holder.to_owned(),
            table: Table::of_entries(self.holder.to_owned(), &["image", "label"], rows, entries),
            image: "image".to_owned(),
            form: Form::Encoded,
            pictures: Box::new(Ordered {
                order: images,
                pictures: self.pictures,
            }),
            maps: None,
            unlabeled,
        }
    }

    /// Returns the images that have label maps.
    fn in_pairs(self, pairs: Pairs) -> Source {
        let path = |index: usize| self.paths[index].clone();
        let entries: Vec<String> = pairs.images.iter().map(|&image| path(image)).collect();
        let rows = entries.iter().enumerate().map(|(row, image)| {
            let map = pairs.maps.as_ref().ok().map(|maps| path(maps[row]));
            vec![
                Cell::Text(image.clone()),
                map.map_or(Cell::Null, Cell::Text),
            ]
        });
        let rows = rows.collect();
        let ordered = |order: Vec<usize>| {
            let pictures = self.pictures.clone();
            Box::new(Ordered { order, pictures })
        };
        let [image, label] = ["image", "label"];
        let maps = pairs.maps.map(|maps| Maps {
            column: label.to_owned(),
            pictures: ordered(maps),
        });
        Source {
            holder: self.holder.to_owned(),
            table: Table::of_entries(self.holder.to_owned(), &[image, label], rows, entries),
            image: image.to_owned(),
            form: Form::Encoded,
            pictures: ordered(pairs.images),
            maps: Some(maps),
            unlabeled: None,
        }
    }
}

/// The files in the order of the rows.
struct Ordered {
    /// The index of the file of each row.
    order: Vec<usize>,
    pictures: Arc<dyn Pictures>,
}

impl Pictures for Ordered {
    fn take(&self, rows: &[usize]) -> Result<Vec<Held>, DataError> {
        let files: Vec<usize> = rows.iter().map(|&row| self.order[row]).collect();
        self.pictures.take(&files)
    }

    fn files(&self) -> Option<Vec<ReadFile>> {
        self.pictures.files()
    }
}
