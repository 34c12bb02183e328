//! Where a recipe's URIs lead: to allowed folders of this machine, or to a hub, from which they are fetched
//! into a cache.

pub mod cache;
pub mod download;
pub mod hub;
pub mod roots;
pub mod uri;

use std::path::PathBuf;

use crate::checkpoint::limits::Limits;
use crate::prune::Places;
use crate::prune::digest::Digest;
use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::{Recipe, Source};
use crate::prune::watch::Watch;
use cache::{Cache, Held};
use hub::Hub;
use roots::Roots;
use uri::{HubKind, HubUri, SourceUri};

/// Room for the small files of a model beside its weights.
const SMALL_FILES_BYTES: u64 = 1 << 30;

/// The places from which models and data may be read.
#[derive(Clone)]
pub struct Sources {
    roots: Roots,
    remote: Option<Remote>,
}

#[derive(Clone)]
struct Remote {
    hub: Hub,
    cache: Cache,
}

/// A recipe's sources on this machine, for as long as this lives.
#[derive(Debug)]
pub struct Fetched {
    /// Where they are.
    pub places: Places,
    _held: Vec<Held>,
}

impl Sources {
    /// Only folders of this machine.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            remote: None,
        }
    }

    /// A hub too.
    #[must_use]
    pub fn with_hub(self, hub: Hub, cache: Cache) -> Self {
        Self {
            remote: Some(Remote { hub, cache }),
            ..self
        }
    }

    /// The recipe with every revision replaced by the commit that it names now, so that each attempt, and
    /// each retry, reads the same bytes.
    ///
    /// # Errors
    /// The first source that is of an unknown kind, not there, or not allowed.
    pub async fn pin(&self, recipe: Recipe) -> Result<Recipe, Failure> {
        let mut pinned = recipe;
        pinned.model = self.pin_one(&pinned.model, HubKind::Model).await?;
        let data = &mut pinned.calibration.source;
        *data = self.pin_one(data, HubKind::Dataset).await?;
        if let Some(evaluation) = &mut pinned.evaluation {
            evaluation.source = self.pin_one(&evaluation.source, HubKind::Dataset).await?;
        }
        Ok(pinned)
    }

    async fn pin_one(&self, source: &Source, wanted: HubKind) -> Result<Source, Failure> {
        match SourceUri::parse(&source.uri)? {
            SourceUri::File(path) => self
                .roots
                .resolve(&source.uri, &path)
                .map(|_| source.clone()),
            SourceUri::Hub(uri) if uri.kind != wanted => Err(Failure::new(
                Code::SourceNotFound,
                match wanted {
                    HubKind::Model => {
                        format!("\"{uri}\" is a data file; a model is hf://org/name@revision")
                    }
                    HubKind::Dataset => format!(
                        "\"{uri}\" is a model; a data file is hf://datasets/org/name@revision/path"
                    ),
                },
            )),
            SourceUri::Hub(uri) => {
                let pinned = self.remote()?.hub.pin(&uri).await?;
                Ok(Source {
                    uri: pinned.to_string(),
                })
            }
        }
    }

    /// The recipe's sources on this machine; what is elsewhere is fetched.
    ///
    /// # Errors
    /// The first source that cannot be had, or that someone asked to stop.
    pub async fn fetch(
        &self,
        recipe: &Recipe,
        out: PathBuf,
        watch: &dyn Watch,
    ) -> Result<Fetched, Failure> {
        let mut held = Vec::new();
        let model = self.fetch_one(&recipe.model, &mut held, watch).await?;
        let calibration = self
            .fetch_one(&recipe.calibration.source, &mut held, watch)
            .await?;
        let evaluation = match &recipe.evaluation {
            Some(evaluation) => Some(self.fetch_one(&evaluation.source, &mut held, watch).await?),
            None => None,
        };
        Ok(Fetched {
            places: Places {
                model,
                calibration,
                evaluation,
                out,
            },
            _held: held,
        })
    }

    async fn fetch_one(
        &self,
        source: &Source,
        held: &mut Vec<Held>,
        watch: &dyn Watch,
    ) -> Result<PathBuf, Failure> {
        match SourceUri::parse(&source.uri)? {
            SourceUri::File(path) => self.roots.resolve(&source.uri, &path),
            SourceUri::Hub(uri) => {
                let entry = self.remote()?.entry(&uri, watch).await?;
                let path = match &uri.file {
                    Some(file) => entry
                        .path()
                        .join(file.rsplit('/').next().unwrap_or_default()),
                    None => entry.path().to_owned(),
                };
                held.push(entry);
                Ok(path)
            }
        }
    }

    /// The path of a source that is on this machine already; `None` for one that is elsewhere.
    ///
    /// # Errors
    /// When it is of an unknown kind, not there, or not allowed.
    pub fn local(&self, source: &Source) -> Result<Option<PathBuf>, Failure> {
        match SourceUri::parse(&source.uri)? {
            SourceUri::File(path) => self.roots.resolve(&source.uri, &path).map(Some),
            SourceUri::Hub(_) => Ok(None),
        }
    }

    fn remote(&self) -> Result<&Remote, Failure> {
        self.remote.as_ref().ok_or_else(|| {
            Failure::new(
                Code::SourceNotFound,
                "this service reads no hf:// sources; it was started without a hub",
            )
        })
    }
}

impl Remote {
    async fn entry(&self, uri: &HubUri, watch: &dyn Watch) -> Result<Held, Failure> {
        let listing = self.hub.list(uri).await?;
        let uri = uri.at(&listing.commit);
        let key = Digest::new("source/1")
            .part("hub", self.hub.endpoint())
            .part("uri", uri.to_string())
            .hex();
        let cap = match uri.kind {
            HubKind::Model => Limits::default().weights_bytes + SMALL_FILES_BYTES,
            HubKind::Dataset => crate::data::limits::Limits::default().file_bytes,
        };
        let bytes = listing.bytes(&uri)?;
        if bytes > cap {
            return Err(Failure::new(
                Code::LimitExceeded,
                format!("{uri} has {bytes} bytes; at most {cap} are taken"),
            ));
        }
        let draft = self.cache.draft(&key);
        let fill = self.hub.fetch(&uri, &listing, &draft, cap, watch);
        self.cache.entry(&key, bytes, watch, fill).await
    }
}
