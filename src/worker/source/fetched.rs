//! The fetched sources of a recipe, and the names that users know them by.

use std::path::{Path, PathBuf};

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
    /// User-visible names of the sources and of the result, by path.
    pub(super) names: Names,
    /// Cache entries in use by the sources.
    pub(super) held: Vec<(HubKind, Held)>,
}

/// Maps paths on this machine to the names that users know.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<(String, String)>);

impl Names {
    /// Creates the map from sources and their paths. The name of a source is its URI, as the user wrote it.
    pub(super) fn of<'a>(
        places: impl Iterator<Item = (Option<&'a Source>, Option<&'a PathBuf>)>,
    ) -> Self {
        let fetched = places.filter_map(|(source, path)| Some((path?, source?.uri.as_str())));
        Self(fetched.map(|(path, uri)| entry(path, uri)).collect())
    }

    /// Creates the map with a single path.
    pub(super) fn one(path: &Path, name: &str) -> Self {
        Self(vec![entry(path, name)])
    }

    /// Adds a path. An empty path is left out.
    pub(super) fn and(mut self, path: &Path, name: &str) -> Self {
        if !path.as_os_str().is_empty() {
            self.0.push(entry(path, name));
        }
        self
    }

    /// Replaces the paths in a failure by the names that users know.
    #[must_use]
    pub fn name_sources(&self, failure: Failure) -> Failure {
        let detail = self.renamed(&failure.detail);
        Failure { detail, ..failure }
    }

    /// Replaces the paths in a text. A path is replaced only as a whole, or as the start of a longer path: one path may
    /// be the start of another, and a name may contain a path.
    fn renamed(&self, text: &str) -> String {
        let (mut written, mut rest, mut within) = (String::new(), text, false);
        while let Some(sign) = rest.chars().next() {
            let here = |path: &&(String, String)| {
                rest.strip_prefix(path.0.as_str())
                    .is_some_and(|after| !continues(after))
            };
            let known = self
                .0
                .iter()
                .filter(here)
                .max_by_key(|(path, _)| path.len());
            match known.filter(|_| !within) {
                Some((path, name)) => {
                    written.push_str(name);
                    rest = &rest[path.len()..];
                    within = true;
                }
                None => {
                    written.push(sign);
                    rest = &rest[sign.len_utf8()..];
                    within = is_name(sign) || matches!(sign, '/' | '.');
                }
            }
        }
        written
    }
}

fn entry(path: &Path, name: &str) -> (String, String) {
    let path = path.display().to_string();
    (path, name.trim_end_matches('/').to_owned())
}

/// Returns whether the text continues the last segment of a path. A full stop may end a sentence.
fn continues(text: &str) -> bool {
    text.trim_start_matches('.').starts_with(is_name)
}

fn is_name(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '-')
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
