//! Sources of models and data: accepted URIs, the protocol of a hub, buckets, and the cache.

mod bucket;
mod cache;
mod download;
mod hub;
mod names;
mod roots;
mod shards;
mod transfer;
mod upload;
mod uri;

use optin::artifact::progress::Patience;
use optin::prune::failure::Failure;
use optin::prune::recipe::Recipe;
use optin::prune::watch::Unwatched;
use optin::worker::source::cache::Cache;
use optin::worker::source::hub::Hub;
use optin::worker::source::roots::Roots;
use optin::worker::source::{Fetched, Sources};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

use crate::fixture::hub::FakeHub;
use crate::fixture::job::recipe;

const FILES: &[(&str, &[u8])] = &[
    ("config.json", b"{}"),
    ("model.safetensors", &[7; 4_000]),
    ("pytorch_model.bin", b"never"),
    ("modeling_evil.py", b"never"),
    ("onnx/model.onnx", b"never"),
    ("tokenizer.json", b"{\"t\": 1}"),
    ("train.tsv", b"text\nhello\n"),
    ("sub/dev.tsv", b"text\nworld\n"),
];

/// A fake hub, and sources that fetch from it into a temporary cache.
struct Setup {
    folder: TempDir,
    hub: FakeHub,
    sources: Sources,
}

impl Setup {
    async fn new(files: &[(&str, &[u8])]) -> Self {
        Self::with(files, 1 << 20, None).await
    }

    async fn with(files: &[(&str, &[u8])], budget: u64, token: Option<&str>) -> Self {
        Self::with_patience(files, budget, token, Patience::default()).await
    }

    /// Creates sources with timeouts that are short enough for a test.
    async fn with_short_timeouts(files: &[(&str, &[u8])]) -> Self {
        let patience = Patience {
            answer: Duration::from_secs(5),
            least_bytes: 1_000,
            within: Duration::from_millis(500),
        };
        Self::with_patience(files, 1 << 20, None, patience).await
    }

    async fn with_patience(
        files: &[(&str, &[u8])],
        budget: u64,
        token: Option<&str>,
        patience: Patience,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = FakeHub::start(files).await;
        let client = Hub::new(&hub.url, token.map(str::to_owned)).unwrap();
        let sources = Sources::new(Roots::default()).with_hub(
            client.with_patience(patience),
            Cache::open(&folder.path().join("cache"), budget).unwrap(),
        );
        Self {
            folder,
            hub,
            sources,
        }
    }

    fn recipe(&self) -> Recipe {
        let mut recipe = recipe("hf://org/model@v1");
        recipe.calibration.source.uri = "hf://datasets/org/data@refs%2Fpr%2F1/train.tsv".into();
        recipe
    }

    async fn fetch(&self) -> Result<Fetched, Failure> {
        self.sources
            .fetch(&self.recipe(), PathBuf::new(), &Unwatched)
            .await
    }

    fn request_count(&self, file: &str) -> usize {
        let asked = self.hub.asked();
        asked.iter().filter(|(name, _)| name == file).count()
    }
}
