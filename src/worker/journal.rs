//! The journal (stage cache) of a tenant in the artifact store: another worker can resume from completed stages.
//!
//! The name of a document holds the digest of all its inputs, so two writers of one name write the same content.
//! Documents are kept until their retention period ends. Tenants never read each other's documents.

use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

use super::cancel;
use super::reporter::Reporter;
use crate::artifact::error::ArtifactError;
use crate::artifact::key::Key;
use crate::artifact::store::ArtifactStore;
use crate::job::TenantId;
use crate::prune::failure::Failure;
use crate::prune::journal::{Journal, document_name, seal, unseal};

/// Maximum size of a document that is read back, in bytes: repaired weights of the largest supported model.
const MAX_BYTES: u64 = 16 << 30;

/// The journal of one tenant. Its methods block, so only the pruning thread calls them.
pub(super) struct SharedJournal {
    /// Store of the documents.
    pub(super) artifacts: ArtifactStore,
    /// Owner of the documents.
    pub(super) tenant: TenantId,
    /// Runtime that the transfers run on.
    pub(super) runtime: Handle,
    /// Reports whether the attempt must stop; transfers are canceled then.
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
            match self.artifacts.get_bytes(&key, MAX_BYTES).await {
                Ok(sealed) => Ok(unseal(sealed.into())),
                Err(ArtifactError::NotFound(_)) => Ok(None),
                Err(error) => Err(Failure::from(error)),
            }
        };
        self.runtime
            .block_on(cancel::on_stop(self.reporter.as_ref(), found))
    }

    fn store(&self, name: &str, digest: &str, document: &[u8]) -> Result<(), Failure> {
        let key = self.key(name, digest)?;
        let document = Bytes::from(seal(document));
        let stored = async {
            let stored = self.artifacts.put_bytes(&key, document).await;
            stored.map_err(Failure::from)
        };
        self.runtime
            .block_on(cancel::on_stop(self.reporter.as_ref(), stored))
    }
}
