//! The output folder, written completely or not at all.
//!
//! Files are written to a draft folder next to the destination. After the last file (`SHA256SUMS`), the
//! draft is renamed to the destination. A kill or a full disk never leaves a partial folder there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::file_name::{FileName, InvalidFileName};
use crate::prune::digest::sha256_of;
use crate::prune::failure::{Code, Failure};

/// Name of the file with the checksums of all others.
pub const SUMS: &str = "SHA256SUMS";

/// Name of the signature of the checksums, if a result is signed. It has no checksum.
pub const SIGNATURE: &str = "SHA256SUMS.minisig";

/// A draft of the output folder.
pub struct Draft {
    destination: PathBuf,
    folder: PathBuf,
}

impl Draft {
    /// Creates a draft next to `destination`, which must be missing or empty.
    ///
    /// # Errors
    /// Returns an error if the destination is not empty or if the draft cannot be created.
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
        // A killed process with the same process id may have left a draft.
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        Ok(Self {
            destination: destination.to_owned(),
            folder,
        })
    }

    /// Returns the path of the draft.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Returns the path at which a file of this name is written, and creates the folders in the name.
    ///
    /// # Errors
    /// Returns an error if the name is not a valid [`FileName`] or if a folder cannot be created.
    pub fn file(&self, name: &str) -> Result<PathBuf, Failure> {
        let name: FileName = name
            .parse()
            .map_err(|error: InvalidFileName| Failure::new(Code::Internal, error.to_string()))?;
        let path = name.within(&self.folder);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(path)
    }

    /// Writes a file, and creates the folders in its name.
    ///
    /// # Errors
    /// Returns an error if the name is not a valid [`FileName`] or if the file cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let mut file = fs::File::create(self.file(name)?)?;
        file.write_all(content)?;
        Ok(file.sync_all()?)
    }

    /// Writes a document as indented JSON.
    ///
    /// # Errors
    /// Returns an error if the document cannot be written.
    pub fn write_json(&self, name: &str, document: &impl Serialize) -> Result<(), Failure> {
        let mut json = serde_json::to_vec_pretty(document).map_err(|error| {
            Failure::new(
                Code::Internal,
                format!("could not encode {name} as JSON: {error}"),
            )
        })?;
        json.push(b'\n');
        self.write(name, &json)
    }

    /// Writes `SHA256SUMS` over all files, including those in subfolders, and moves the draft to the destination.
    ///
    /// # Errors
    /// Returns an error if `SHA256SUMS` cannot be written, if the destination is not empty, or if the draft cannot be
    /// moved.
    pub fn finish(self) -> Result<(), Failure> {
        let mut sums = String::new();
        for name in FileName::all_in(&self.folder)? {
            let sha256 = sha256_of(&name.within(&self.folder))?;
            sums.push_str(&format!("{sha256}  {name}\n"));
        }
        self.write(SUMS, sums.as_bytes())?;
        refuse_occupied(&self.destination)?;
        fs::rename(&self.folder, &self.destination)?;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `finish` the draft no longer exists, and this fails without effect.
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
                    "the output folder {} is not empty; choose another folder or empty it",
                    destination.display()
                ),
            )),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}
