//! The output folder: all of it or nothing.
//!
//! Files are gathered in a draft beside their destination; only when the last one (`SHA256SUMS`) is
//! there does the draft take its place. A kill or a full disk leaves no folder that looks finished.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::prune::digest::sha256_of;
use crate::prune::failure::{Code, Failure};

/// A folder being filled.
pub struct Draft {
    destination: PathBuf,
    folder: PathBuf,
}

impl Draft {
    /// Begins beside `destination`, which must not exist yet or be empty.
    ///
    /// # Errors
    /// When the destination holds something, or the draft cannot be made.
    pub fn begin(destination: &Path) -> Result<Self, Failure> {
        refuse_occupied(destination)?;
        let name = destination
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let parent = destination
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        let folder = parent.join(format!(".{name}.draft-{}", std::process::id()));
        // What a killed process of the same number left behind.
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        Ok(Self {
            destination: destination.to_owned(),
            folder,
        })
    }

    /// Where the draft is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let mut file = fs::File::create(self.folder.join(name))?;
        file.write_all(content)?;
        Ok(file.sync_all()?)
    }

    /// Writes a document as indented JSON.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_json(&self, name: &str, document: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_vec_pretty(document).map_err(|error| {
            Failure::new(
                Code::Internal,
                format!("{name} cannot be written as JSON: {error}"),
            )
        })?;
        text.push(b'\n');
        self.write(name, &text)
    }

    /// Writes `SHA256SUMS` over all files and puts the folder in its place.
    ///
    /// # Errors
    /// When it cannot be written or moved.
    pub fn finish(self) -> Result<(), Failure> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        let mut sums = String::new();
        for name in names {
            sums.push_str(&format!(
                "{}  {name}\n",
                sha256_of(&self.folder.join(&name))?
            ));
        }
        self.write("SHA256SUMS", sums.as_bytes())?;
        refuse_occupied(&self.destination)?;
        fs::rename(&self.folder, &self.destination)?;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `finish` it is no longer there.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn refuse_occupied(destination: &Path) -> Result<(), Failure> {
    match fs::read_dir(destination) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::new(
                Code::InvalidRecipe,
                format!(
                    "the output folder {} is not empty; name another, or empty it",
                    destination.display()
                ),
            )),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}
