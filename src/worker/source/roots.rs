//! `file://` sources: only files in folders that the operator allows.

use std::path::{Path, PathBuf};

use crate::prune::failure::{Code, Failure};

/// Folders that models and data may be read from.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<PathBuf>);

impl Roots {
    /// Resolves the folders once. Later, the resolved path of a source is checked against these resolved folders.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be resolved.
    pub fn new(roots: &[PathBuf]) -> Result<Self, Failure> {
        let resolved = roots.iter().map(|root| {
            root.canonicalize().map_err(|error| {
                Failure::new(
                    Code::SourceNotFound,
                    format!("could not open the source root {}: {error}", root.display()),
                )
            })
        });
        Ok(Self(resolved.collect::<Result<_, _>>()?))
    }

    /// Returns whether no folder is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what a process may read that reads this resolved source: the allowed folders if the source is in one of them, and
    /// otherwise only the source, which was fetched by this service.
    #[must_use]
    pub fn around(&self, source: &Path) -> Vec<PathBuf> {
        match self.0.iter().any(|root| source.starts_with(root)) {
            true => self.0.clone(),
            false => vec![source.to_owned()],
        }
    }

    /// Returns the path with its symbolic links resolved.
    ///
    /// # Errors
    /// Returns an error if the path does not exist, or is outside the allowed folders.
    pub fn resolve(&self, uri: &str, path: &Path) -> Result<PathBuf, Failure> {
        // One message for "not found" and "not allowed", so that responses do not reveal which files exist.
        let refused = || {
            Failure::new(
                Code::SourceNotFound,
                format!(
                    "\"{uri}\" not found, or not in a folder that this service may read (--source-root)"
                ),
            )
        };
        let resolved = path.canonicalize().map_err(|_| refused())?;
        match self.0.iter().any(|root| resolved.starts_with(root)) {
            true => Ok(resolved),
            false => Err(refused()),
        }
    }
}
