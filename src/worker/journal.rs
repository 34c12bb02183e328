//! A tenant's journal in the artifact store: what one worker finished, another takes up.
//!
//! Documents are named by the digest of all that they were made from, so two writers of one name write the
//! same. They stay until their retention ends. No tenant reads what another's jobs left.

use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

use super::heed::heed;
use super::reporter::Reporter;
use crate::artifact::error::ArtifactError;
use crate::artifact::key::Key;
use crate::artifact::store::ArtifactStore;
use crate::job::TenantId;
use crate::prune::failure::Failure;
use crate::prune::journal::{Journal, document_name, seal, unseal};

/// Longest document that is read back: repaired weights of the largest model that is taken.
const MOST_BYTES: u64 = 16 << 30;

/// The journal of one tenant; called from the pruning thread, which may block.
pub(super) struct SharedJournal {
    /// Where the documents lie.
    pub(super) artifacts: ArtifactStore,
    /// Whose they are.
    pub(super) tenant: TenantId,
    /// Does the waiting.
    pub(super) runtime: Handle,
    /// Tells when nobody waits any more.
    pub(super) reporter: Arc<Reporter>,
}

impl SharedJournal {
    fn key(&self, name: &str, digest: &str) -> Result<Key, Failure> {
        Ok(Key::journal(
            self.tenant.as_str(),
            &document_name(name, digest),
        )?)
    }
}

impl Journal for SharedJournal {
    fn load(&self, name: &str, digest: &str) -> Result<Option<Vec<u8>>, Failure> {
        let key = self.key(name, digest)?;
        let found = async {
            match self.artifacts.get_bytes(&key, MOST_BYTES).await {
                Ok(sealed) => Ok(unseal(sealed.into())),
                Err(ArtifactError::NotFound(_)) => Ok(None),
                Err(error) => Err(Failure::from(error)),
            }
        };
        self.runtime.block_on(heed(self.reporter.as_ref(), found))
    }

    fn store(&self, name: &str, digest: &str, document: &[u8]) -> Result<(), Failure> {
        let key = self.key(name, digest)?;
        let document = Bytes::from(seal(document));
        let stored = async {
            let stored = self.artifacts.put_bytes(&key, document).await;
            stored.map_err(Failure::from)
        };
        self.runtime.block_on(heed(self.reporter.as_ref(), stored))
    }
}
