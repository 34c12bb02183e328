//! Where a recipe's URIs lead: to allowed folders of this machine, or to a hub, from which they are fetched
//! into a cache.

mod again;
pub mod archive;
mod archive_entries;
pub mod bucket;
pub mod cache;
mod data_files;
mod download;
mod expected;
pub mod fetched;
pub mod hub;
pub mod listing;
pub mod model_files;
mod reach;
mod request;
pub mod roots;
pub mod upload;
pub mod uri;

use std::path::PathBuf;

use strum::VariantArray;

use crate::artifact::incoming::Upload;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::data;
use crate::data::table::Table;
use crate::job::TenantId;
use crate::model::device::Device;
use crate::prune::Places;
use crate::prune::digest::Digest;
use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::{Recipe, Source};
use crate::prune::watch::Watch;
use bucket::Buckets;
use cache::{Cache, Held};
pub use fetched::Fetched;
use fetched::Names;
use hub::Hub;
use roots::Roots;
use upload::{ARCHIVE, Uploads};
use uri::{HubKind, HubUri, Scheme, SourceUri};

/// Room for the small files of a model beside its weights.
const SMALL_FILES_BYTES: u64 = 1 << 30;

/// The places from which models and data may be read.
#[derive(Clone)]
pub struct Sources {
    roots: Roots,
    remote: Option<Remote>,
    buckets: Option<Buckets>,
    uploads: Option<Uploads>,
    tenant: TenantId,
}

#[derive(Clone)]
struct Remote {
    hub: Hub,
    cache: Cache,
}

impl Sources {
    /// Only folders of this machine.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            remote: None,
            buckets: None,
            uploads: None,
            tenant: TenantId::only(),
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

    /// Buckets too.
    #[must_use]
    pub fn with_buckets(self, buckets: Buckets) -> Self {
        Self {
            buckets: Some(buckets),
            ..self
        }
    }

    /// What tenants send in too.
    #[must_use]
    pub fn with_uploads(self, uploads: Uploads) -> Self {
        Self {
            uploads: Some(uploads),
            ..self
        }
    }

    /// The same places as this tenant sees them: its own uploads, and nobody else's.
    #[must_use]
    pub fn of(&self, tenant: &TenantId) -> Self {
        Self {
            tenant: tenant.clone(),
            ..self.clone()
        }
    }

    /// The schemes of URIs that lead somewhere.
    pub fn schemes(&self) -> impl Iterator<Item = Scheme> {
        let leads = |scheme: &Scheme| match scheme {
            Scheme::File => !self.roots.is_empty(),
            Scheme::Hf => self.remote.is_some(),
            Scheme::S3 => self.buckets.is_some(),
            Scheme::Upload => self.uploads.is_some(),
        };
        Scheme::VARIANTS.iter().copied().filter(leads)
    }

    /// Reads an upload: whether it is what was announced, and what its name says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn admit(&self, upload: &Upload, watch: &dyn Watch) -> Result<(), Failure> {
        let held = self.uploads()?.entry(&self.tenant, upload, watch).await?;
        let (folder, name) = (held.path().to_owned(), upload.name.clone());
        let path = within(&held, name.ends_with(ARCHIVE), &name);
        let names = Names::one(path, &name);
        let opened = tokio::task::spawn_blocking(move || {
            if name.ends_with(ARCHIVE) {
                let limits = Limits::default();
                Config::open(&folder, &limits)?;
                Weights::open(&folder, &limits)?;
            } else {
                Table::read(&folder.join(name), true, &data::limits::Limits::default())?;
            }
            Ok(())
        });
        opened
            .await
            .map_err(|error| Failure::new(Code::Internal, error.to_string()))?
            .map_err(|failure| names.told(failure))
    }

    /// The recipe with every revision replaced by the commit that it names now, and with the version that each bucket's
    /// files have now, so that each attempt, and each retry, reads the same bytes or says that they changed.
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
                Ok(Source::new(pinned.to_string()))
            }
            SourceUri::Bucket(uri) => {
                let model = wanted == HubKind::Model;
                let pinned = source.version.as_deref();
                let version = self.buckets()?.pin(&uri, model, pinned).await?;
                Ok(Source {
                    version: Some(version),
                    ..source.clone()
                })
            }
            SourceUri::Upload(id) => {
                let upload = self.uploads()?.ready(&self.tenant, id).await?;
                match upload.name.ends_with(ARCHIVE) == (wanted == HubKind::Model) {
                    true => Ok(source.clone()),
                    false => Err(Failure::new(
                        Code::SourceNotFound,
                        format!(
                            "upload://{id} is {}; a model is a .tar archive, data a file of {}",
                            upload.name,
                            data::format::described()
                        ),
                    )),
                }
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
        let sources = [
            Some(&recipe.model),
            Some(&recipe.calibration.source),
            recipe
                .evaluation
                .as_ref()
                .map(|evaluation| &evaluation.source),
        ];
        let model = self
            .fetch_one(&recipe.model, HubKind::Model, &mut held, watch)
            .await?;
        let calibration = self
            .fetch_one(
                &recipe.calibration.source,
                HubKind::Dataset,
                &mut held,
                watch,
            )
            .await?;
        let evaluation = match &recipe.evaluation {
            Some(evaluation) => Some(
                self.fetch_one(&evaluation.source, HubKind::Dataset, &mut held, watch)
                    .await?,
            ),
            None => None,
        };
        let names = Names::of(sources.into_iter().zip([
            Some(&model),
            Some(&calibration),
            evaluation.as_ref(),
        ]));
        Ok(Fetched {
            names,
            places: Places {
                model,
                calibration,
                evaluation,
                out,
                device: Device::Cpu,
            },
            held,
        })
    }

    async fn fetch_one(
        &self,
        source: &Source,
        wanted: HubKind,
        held: &mut Vec<(HubKind, Held)>,
        watch: &dyn Watch,
    ) -> Result<PathBuf, Failure> {
        match SourceUri::parse(&source.uri)? {
            SourceUri::File(path) => self.roots.resolve(&source.uri, &path),
            SourceUri::Hub(uri) => {
                let entry = self.remote()?.entry(&uri, watch).await?;
                // Shards of one data set are a folder, as a model is.
                let path = match (&uri.file, uri.pattern()) {
                    (Some(file), None) => {
                        within(&entry, false, file.rsplit('/').next().unwrap_or_default())
                    }
                    _ => entry.path().to_owned(),
                };
                held.push((wanted, entry));
                Ok(path)
            }
            SourceUri::Bucket(uri) => {
                let model = wanted == HubKind::Model;
                let pinned = source.version.as_deref();
                let entry = self.buckets()?.entry(&uri, model, pinned, watch).await?;
                let name = uri.path.rsplit('/').next().unwrap_or_default();
                let path = within(&entry, model, name);
                held.push((wanted, entry));
                Ok(path)
            }
            SourceUri::Upload(id) => {
                let uploads = self.uploads()?;
                let upload = uploads.ready(&self.tenant, id).await?;
                let entry = uploads.entry(&self.tenant, &upload, watch).await?;
                let path = within(&entry, upload.name.ends_with(ARCHIVE), &upload.name);
                held.push((wanted, entry));
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
            SourceUri::Hub(_) | SourceUri::Bucket(_) | SourceUri::Upload(_) => Ok(None),
        }
    }

    fn buckets(&self) -> Result<&Buckets, Failure> {
        self.buckets.as_ref().ok_or_else(|| {
            Failure::new(
                Code::SourceNotFound,
                "this service reads no s3:// sources; it was started without --source-bucket",
            )
        })
    }

    fn uploads(&self) -> Result<&Uploads, Failure> {
        self.uploads
            .as_ref()
            .ok_or_else(|| Failure::new(Code::SourceNotFound, "this service takes no uploads"))
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

/// A model is its entry's folder, data a file in it.
fn within(entry: &Held, model: bool, name: &str) -> PathBuf {
    match model {
        true => entry.path().to_owned(),
        false => entry.path().join(name),
    }
}

/// Most bytes of a source that are taken.
fn most_bytes(model: bool) -> u64 {
    match model {
        true => Limits::default().weights_bytes + SMALL_FILES_BYTES,
        false => data::limits::Limits::default().file_bytes,
    }
}

impl Remote {
    async fn entry(&self, uri: &HubUri, watch: &dyn Watch) -> Result<Held, Failure> {
        let listing = self.hub.list(uri, watch).await?;
        let uri = uri.at(&listing.commit);
        let key = Digest::new("source/1")
            .part("hub", self.hub.endpoint())
            .part("uri", uri.to_string())
            .hex();
        let cap = most_bytes(uri.kind == HubKind::Model);
        let bytes = listing.bytes(&uri)?;
        if bytes > cap {
            return Err(Failure::new(
                Code::LimitExceeded,
                format!("{uri} has {bytes} bytes; at most {cap} are taken"),
            ));
        }
        let draft = self.cache.draft(&key);
        let fill = |_| self.hub.fetch(&uri, &listing, &draft, cap, watch);
        self.cache.entry(&key, bytes, watch, fill).await
    }
}
