//! Names of the files of a result: relative paths such as `model.safetensors` or `onnx/model.onnx`.
//!
//! A name becomes a path on disk, an object key, a part of a URL and a line of `SHA256SUMS`. The rule is strict so that
//! a name cannot lead to another location and needs no escaping in any of them, except for `/` in a URL.

use std::fmt;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Maximum length of a name, in bytes.
pub const MAX_BYTES: usize = 512;

/// Maximum length of a part of a name, in bytes. Parts are separated by `/`.
pub const MAX_PART_BYTES: usize = 128;

/// Maximum number of parts: the file and the folders above it.
pub const MAX_PARTS: usize = 8;

/// Number of characters of an invalid name that an error message quotes.
const QUOTED_CHARACTERS: usize = 64;

/// Name of a file of a result: its path within the folder of the result, with `/` between the parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

/// Error for a text that is not a valid [`FileName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a valid file name; use a relative path of at most {MAX_PARTS} parts and {MAX_BYTES} bytes, and for \
     each part at most {MAX_PART_BYTES} letters, digits, '.', '_' and '-', beginning with a letter or a digit"
)]
pub struct InvalidFileName(String);

/// Returns whether a text is valid as a part of a name: 1 to [`MAX_PART_BYTES`] ASCII letters, digits, `.`, `_` and `-`,
/// of which the first is a letter or a digit.
#[must_use]
pub fn is_part(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= MAX_PART_BYTES
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(allowed)
}

/// Returns the path of the file or folder beside another one whose name has this suffix after it.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

impl FileName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last part: the name of the file without its folders.
    #[must_use]
    pub fn last(&self) -> &str {
        self.0
            .rsplit_once('/')
            .map_or(self.as_str(), |(_, last)| last)
    }

    /// Returns the names of the folders above the file, from the outermost one: `a` and `a/b` for `a/b/file`.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(end, _)| &self.0[..end])
    }

    /// Returns the path of the file within a folder.
    #[must_use]
    pub fn within(&self, folder: &Path) -> PathBuf {
        folder.join(&self.0)
    }

    /// Returns the names of all files in a folder and in its subfolders, sorted.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be read, or if it contains an invalid name, a link or a special file.
    pub fn all_in(folder: &Path) -> io::Result<Vec<Self>> {
        let mut names = Vec::new();
        collect(folder, None, &mut names)?;
        names.sort_unstable();
        Ok(names)
    }
}

/// Adds the files in a subfolder of `folder` to `names`. Without a subfolder, adds those of the whole folder.
fn collect(
    folder: &Path,
    subfolder: Option<&FileName>,
    names: &mut Vec<FileName>,
) -> io::Result<()> {
    let at = subfolder.map_or_else(|| folder.to_owned(), |name| name.within(folder));
    for entry in fs::read_dir(at)? {
        let entry = entry?;
        let last = entry.file_name();
        let last = last.to_string_lossy();
        let name = match subfolder {
            Some(subfolder) => format!("{}/{last}", subfolder.as_str()),
            None => last.into_owned(),
        };
        let invalid = |error: InvalidFileName| io::Error::new(io::ErrorKind::InvalidData, error);
        let name: FileName = name.parse().map_err(invalid)?;
        // The type of the entry itself: links are not followed.
        match entry.file_type()? {
            kind if kind.is_file() => names.push(name),
            kind if kind.is_dir() => collect(folder, Some(&name), names)?,
            kind => return Err(not_a_file(&name, kind)),
        }
    }
    Ok(())
}

fn not_a_file(name: &FileName, kind: FileType) -> io::Error {
    let kind = match kind.is_symlink() {
        true => "a link",
        false => "a special file",
    };
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{name} is {kind}; results contain only regular files"),
    )
}

impl FromStr for FileName {
    type Err = InvalidFileName;

    fn from_str(text: &str) -> Result<Self, InvalidFileName> {
        let valid = text.len() <= MAX_BYTES
            && text.split('/').count() <= MAX_PARTS
            && text.split('/').all(is_part);
        match valid {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidFileName(
                text.chars().take(QUOTED_CHARACTERS).collect(),
            )),
        }
    }
}

impl TryFrom<String> for FileName {
    type Error = InvalidFileName;

    fn try_from(text: String) -> Result<Self, InvalidFileName> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
