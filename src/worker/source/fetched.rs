//! What was fetched for a recipe, and what its user calls it.

use std::path::PathBuf;

use super::cache::Held;
use super::uri::HubKind;
use crate::prune::Places;
use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::Source;

/// A recipe's sources on this machine, for as long as this lives.
#[derive(Debug)]
pub struct Fetched {
    /// Where they are.
    pub places: Places,
    /// Names of what was fetched, by where it is on this machine.
    pub(super) names: Names,
    /// What stays in the cache for them.
    pub(super) held: Vec<(HubKind, Held)>,
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
    /// The failure of a run over these sources, told with the user's names. What it says does not open leaves the
    /// cache, so that the next job fetches it again: it may have been spoilt on its way or on this disk.
    #[must_use]
    pub fn told(&self, failure: Failure) -> Failure {
        let blamed: Vec<&Held> = self
            .held
            .iter()
            .filter(|(kind, _)| does_not_open(*kind, failure.code))
            .map(|(_, held)| held)
            .collect();
        let is_named = |held: &Held| failure.detail.contains(&*held.path().to_string_lossy());
        let any_named = blamed.iter().any(|held| is_named(held));
        for held in blamed {
            if !any_named || is_named(held) {
                held.discard();
            }
        }
        self.names.told(failure)
    }
}

/// Whether a failure says that a source of this kind cannot be read. A mapping that does not fit its data file reads
/// alike: such a file is fetched once more than it need be.
fn does_not_open(kind: HubKind, code: Code) -> bool {
    match kind {
        HubKind::Model => matches!(
            code,
            Code::InvalidCheckpoint | Code::InvalidTokenizer | Code::UnsafeFormat
        ),
        HubKind::Dataset => code == Code::InvalidData,
    }
}
