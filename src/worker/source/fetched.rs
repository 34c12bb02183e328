//! The fetched sources of a recipe, and the names that users know them by.

use std::path::PathBuf;

use super::cache::Held;
use super::uri::HubKind;
use crate::prune::failure::{Code, Failure};
use crate::prune::places::Places;
use crate::prune::recipe::Source;

/// The sources of a recipe on this machine. The cache keeps them while this value exists.
#[derive(Debug)]
pub struct Fetched {
    /// Paths of the sources.
    pub places: Places,
    /// User-visible names of the fetched sources, by path.
    pub(super) names: Names,
    /// Cache entries in use by the sources.
    pub(super) held: Vec<(HubKind, Held)>,
}

/// Maps paths in the cache to the names that users know.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<(PathBuf, String)>);

impl Names {
    /// Creates the map from sources and their paths. `file://` sources are left out, because users know them by their
    /// path.
    pub(super) fn of<'a>(
        places: impl Iterator<Item = (Option<&'a Source>, Option<&'a PathBuf>)>,
    ) -> Self {
        let fetched = places.filter_map(|(source, path)| {
            let (source, path) = (source?, path?);
            (!source.uri.starts_with("file:")).then(|| (path.clone(), source.uri.clone()))
        });
        Self(fetched.collect())
    }

    /// Creates the map with a single path.
    pub(super) fn one(path: PathBuf, name: &str) -> Self {
        Self(vec![(path, name.to_owned())])
    }

    /// Replaces the cache paths in a failure by the names that users know.
    #[must_use]
    pub fn name_sources(&self, mut failure: Failure) -> Failure {
        for (path, name) in &self.0 {
            failure.detail = failure.detail.replace(&path.display().to_string(), name);
        }
        failure
    }
}

impl Fetched {
    /// Translates the failure of a run with these sources into the names that users know.
    ///
    /// If the failure says that a source is unreadable, the source is removed from the cache, so that the next job
    /// fetches it again: it may have been damaged in transit or on this disk.
    #[must_use]
    pub fn name_sources(&self, failure: Failure) -> Failure {
        let blamed: Vec<&Held> = self
            .held
            .iter()
            .filter(|(kind, _)| is_unreadable(*kind, failure.code))
            .map(|(_, held)| held)
            .collect();
        let is_named = |held: &Held| failure.detail.contains(&*held.path().to_string_lossy());
        let any_named = blamed.iter().any(|held| is_named(held));
        for held in blamed {
            if !any_named || is_named(held) {
                held.discard();
            }
        }
        self.names.name_sources(failure)
    }
}

/// Returns whether a failure says that a source of this kind is unreadable. A column mapping that does not fit its data
/// file has the same code; then an intact file is fetched again without need.
fn is_unreadable(kind: HubKind, code: Code) -> bool {
    match kind {
        HubKind::Model => matches!(
            code,
            Code::InvalidCheckpoint | Code::InvalidTokenizer | Code::UnsafeFormat
        ),
        HubKind::Dataset => code == Code::InvalidData,
    }
}
