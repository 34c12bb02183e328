//! Resolves the source URIs of a recipe: local files must be in allowed folders, and remote sources (a hub, buckets,
//! uploads) are fetched into a cache.

pub mod archive;
mod archive_entries;
pub mod bucket;
pub mod cache;
mod data_files;
pub mod dataset;
mod download;
mod expected;
pub mod fetched;
pub mod hub;
mod limits;
pub mod listing;
pub mod model_files;
mod reach;
mod request;
mod retry_after;
pub mod roots;
pub mod upload;
pub mod uri;

use std::path::PathBuf;

use strum::VariantArray;

use crate::artifact::incoming::Upload;
use crate::data;
use crate::job::TenantId;
use crate::model::device::Device;
use crate::prune::admission::Kind;
use crate::prune::digest::Digest;
use crate::prune::failure::{Code, Failure};
use crate::prune::places::Places;
use crate::prune::recipe::{Recipe, Source};
use crate::prune::watch::Watch;
use bucket::Buckets;
use cache::{Cache, Held};
pub use fetched::Fetched;
use fetched::Names;
use hub::Hub;
use limits::max_bytes;
use roots::Roots;
use upload::{ARCHIVE, Uploads};
use uri::{HubKind, HubUri, Scheme, SourceUri};

/// The sources that models and data may be read from.
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

/// An upload on this machine. The cache keeps it while this value exists.
pub struct Uploaded {
    /// The data file, or the folder of the model.
    pub path: PathBuf,
    /// What it is, by the name of the upload.
    pub kind: Kind,
    /// Name of the upload, by path.
    pub names: Names,
    _held: Held,
}

impl Sources {
    /// Allows only folders of this machine.
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

    /// Allows a hub as well.
    #[must_use]
    pub fn with_hub(self, hub: Hub, cache: Cache) -> Self {
        Self {
            remote: Some(Remote { hub, cache }),
            ..self
        }
    }

    /// Allows buckets as well.
    #[must_use]
    pub fn with_buckets(self, buckets: Buckets) -> Self {
        Self {
            buckets: Some(buckets),
            ..self
        }
    }

    /// Allows uploads as well.
    #[must_use]
    pub fn with_uploads(self, uploads: Uploads) -> Self {
        Self {
            uploads: Some(uploads),
            ..self
        }
    }

    /// Returns the same sources for a tenant, which sees only its own uploads.
    #[must_use]
    pub fn of(&self, tenant: &TenantId) -> Self {
        Self {
            tenant: tenant.clone(),
            ..self.clone()
        }
    }

    /// Removes deleted uploads from the cache, again and again. Does not return.
    pub async fn keep_purged(&self) {
        match &self.uploads {
            Some(uploads) => uploads.keep_purged().await,
            None => std::future::pending().await,
        }
    }

    /// Returns the folders of this machine that are allowed.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Returns the URI schemes that are enabled.
    pub fn schemes(&self) -> impl Iterator<Item = Scheme> {
        let enabled = |scheme: &Scheme| match scheme {
            Scheme::File => !self.roots.is_empty(),
            Scheme::Hf => self.remote.is_some(),
            Scheme::S3 => self.buckets.is_some(),
            Scheme::Upload => self.uploads.is_some(),
        };
        Scheme::VARIANTS.iter().copied().filter(enabled)
    }

    /// Returns an upload on this machine, after a check that it has the announced content.
    ///
    /// # Errors
    /// Returns what is wrong with the upload.
    pub async fn upload(&self, upload: &Upload, watch: &dyn Watch) -> Result<Uploaded, Failure> {
        let held = self.uploads()?.entry(&self.tenant, upload, watch).await?;
        let is_model = upload.name.ends_with(ARCHIVE);
        let path = within(&held, is_model, &upload.name);
        Ok(Uploaded {
            names: Names::one(&path, &upload.name),
            path,
            kind: match is_model {
                true => Kind::Model,
                false => Kind::Data,
            },
            _held: held,
        })
    }

    /// Pins the sources of a recipe: each hub revision becomes the commit that it names now, and each bucket source
    /// gets the current version of its files. So every attempt and every retry reads the same bytes, or fails because
    /// they changed.
    ///
    /// # Errors
    /// Returns an error for the first source that is not supported, not found or not allowed.
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
                        format!("\"{uri}\" is a dataset; a model URI is hf://org/name@revision")
                    }
                    HubKind::Dataset => format!(
                        "\"{uri}\" is a model; a data file URI is hf://datasets/org/name@revision/path"
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
                            "upload://{id} is {}; an uploaded model must be a .tar archive, and an uploaded .tar archive is always a \
                             model; data must be one of {}; upload an archive of images as .zip or .tar.gz",
                            upload.name,
                            data::format::described()
                        ),
                    )),
                }
            }
        }
    }

    /// Returns the sources of a recipe on this machine; remote ones are fetched.
    ///
    /// # Errors
    /// Returns the failure of the first source that cannot be fetched, or the reason why the attempt must stop.
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
        let names = names.and(&out, "result");
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
                // The shards of a dataset are a folder, like a model.
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

    /// Returns the path of a `file://` source; `None` for other sources.
    ///
    /// # Errors
    /// Returns an error if the source is not supported, not found or not allowed.
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
                "s3:// sources are disabled: this service was started without --source-bucket",
            )
        })
    }

    fn uploads(&self) -> Result<&Uploads, Failure> {
        self.uploads
            .as_ref()
            .ok_or_else(|| Failure::new(Code::SourceNotFound, "this service accepts no uploads"))
    }

    fn remote(&self) -> Result<&Remote, Failure> {
        self.remote.as_ref().ok_or_else(|| {
            Failure::new(
                Code::SourceNotFound,
                "hf:// sources are disabled: this service was started without a hub",
            )
        })
    }
}

/// Returns the path of a source in its cache entry: the folder of a model, or the data file in the folder.
fn within(entry: &Held, model: bool, name: &str) -> PathBuf {
    match model {
        true => entry.path().to_owned(),
        false => entry.path().join(name),
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
        let cap = max_bytes(uri.kind == HubKind::Model);
        let bytes = listing.bytes(&uri)?;
        if bytes > cap {
            return Err(Failure::new(
                Code::LimitExceeded,
                format!("{uri} is too large: {bytes} bytes, the limit is {cap}"),
            ));
        }
        let draft = self.cache.draft(&key);
        let fill = |_| self.hub.fetch(&uri, &listing, &draft, cap, watch);
        self.cache.entry(&key, bytes, watch, fill).await
    }
}
