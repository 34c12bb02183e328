//! Where a recipe's URIs lead: `file://` under allow-listed roots.

use std::path::{Path, PathBuf};

use url::Url;

use crate::prune::Places;
use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::{Recipe, Source};

/// Folders from which models and data may be read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    roots: Vec<PathBuf>,
}

impl Sources {
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
        Ok(Self {
            roots: resolved.collect::<Result<_, _>>()?,
        })
    }

    /// The recipe's sources as local paths.
    ///
    /// # Errors
    /// The first source that is of an unknown scheme, not there, or outside the roots.
    pub fn places(&self, recipe: &Recipe, out: PathBuf) -> Result<Places, Failure> {
        let evaluation = recipe
            .evaluation
            .as_ref()
            .map(|evaluation| self.resolve(&evaluation.source));
        Ok(Places {
            model: self.resolve(&recipe.model)?,
            calibration: self.resolve(&recipe.calibration.source)?,
            evaluation: evaluation.transpose()?,
            out,
        })
    }

    /// A source as a local path, links resolved.
    ///
    /// # Errors
    /// When it is of an unknown scheme, not there, or outside the roots.
    pub fn resolve(&self, source: &Source) -> Result<PathBuf, Failure> {
        let uri = &source.uri;
        let unknown = || {
            Failure::new(
                Code::SourceNotFound,
                format!(
                    "\"{uri}\" is no source that this release reads; write file:///absolute/path"
                ),
            )
        };
        let url = Url::parse(uri).map_err(|_| unknown())?;
        if url.scheme() != "file" || url.query().is_some() || url.fragment().is_some() {
            return Err(unknown());
        }
        let path = url.to_file_path().map_err(|()| unknown())?;
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
        match self.roots.iter().any(|root| is_inside(&resolved, root)) {
            true => Ok(resolved),
            false => Err(refused()),
        }
    }
}

fn is_inside(path: &Path, root: &Path) -> bool {
    path.starts_with(root)
}
