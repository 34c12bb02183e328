//! What was fetched for a recipe, and what its user calls it.

use std::path::PathBuf;

use super::cache::Held;
use crate::prune::Places;
use crate::prune::failure::Failure;
use crate::prune::recipe::Source;

/// A recipe's sources on this machine, for as long as this lives.
#[derive(Debug)]
pub struct Fetched {
    /// Where they are.
    pub places: Places,
    /// Names of what was fetched, by where it is on this machine.
    pub(super) names: Names,
    #[expect(dead_code, reason = "what is held stays in the cache")]
    pub(super) held: Vec<Held>,
}

/// What each place in the cache holds, as its user calls it.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<(PathBuf, String)>);

impl Names {
    /// Of sources and where they are; what lies on this machine anyway is called by its path.
    pub(super) fn of<'a>(
        places: impl Iterator<Item = (Option<&'a Source>, Option<&'a PathBuf>)>,
    ) -> Self {
        let fetched = places.filter_map(|(source, path)| {
            let (source, path) = (source?, path?);
            (!source.uri.starts_with("file:")).then(|| (path.clone(), source.uri.clone()))
        });
        Self(fetched.collect())
    }

    /// Of one place.
    pub(super) fn one(path: PathBuf, name: &str) -> Self {
        Self(vec![(path, name.to_owned())])
    }

    /// The same failure, told with the user's names instead of the cache's paths.
    #[must_use]
    pub fn told(&self, mut failure: Failure) -> Failure {
        for (path, name) in &self.0 {
            failure.detail = failure.detail.replace(&path.display().to_string(), name);
        }
        failure
    }
}

impl Fetched {
    /// What was fetched, as its user calls it.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }
}
