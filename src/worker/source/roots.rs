//! `file://` sources: folders that the operator allows, and nothing outside them.

use std::path::{Path, PathBuf};

use crate::prune::failure::{Code, Failure};

/// Folders from which models and data may be read.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<PathBuf>);

impl Roots {
    /// Folders, resolved once: what a link in them leads to later is checked against what they are now.
    ///
    /// # Errors
    /// When a root is not there.
    pub fn new(roots: &[PathBuf]) -> Result<Self, Failure> {
        let resolved = roots.iter().map(|root| {
            root.canonicalize().map_err(|error| {
                Failure::new(
                    Code::SourceNotFound,
                    format!("the source root {} cannot be used: {error}", root.display()),
                )
            })
        });
        Ok(Self(resolved.collect::<Result<_, _>>()?))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The path with its links resolved.
    ///
    /// # Errors
    /// When it is not there, or outside the roots.
    pub fn resolve(&self, uri: &str, path: &Path) -> Result<PathBuf, Failure> {
        // One sentence for "not there" and "not allowed": an answer must not map the disk for a stranger.
        let refused = || {
            Failure::new(
                Code::SourceNotFound,
                format!(
                    "\"{uri}\" is not there, or not under a folder that this service may read (--source-root)"
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
