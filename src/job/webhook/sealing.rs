//! Prepares the secrets in a database for the key of this service, when the service starts.

use super::secret::{SecretKey, is_sealed};
use crate::job::Scope;
use crate::job::store::error::StoreError;
use crate::job::store::webhooks::WebhookStore;

/// Why the secrets in a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The secrets are encrypted with another key.
    #[error(
        "the webhook secrets in this database are encrypted with another key; start with the key file of the services \
         that share this database, or of its backup (--secrets-key FILE)"
    )]
    OtherKey,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks that the secrets in the database belong to this key, and encrypts those that an earlier release stored in
/// clear.
///
/// # Errors
/// Returns [`SealingError::OtherKey`] if another key was used in this database before, and another [`SealingError`] if
/// the database fails.
pub async fn seal_secrets(store: &dyn WebhookStore, key: &SecretKey) -> Result<(), SealingError> {
    if store.secret_key_id(key.id()).await? != key.id() {
        return Err(SealingError::OtherKey);
    }
    for webhook in store.webhooks(&Scope::Service).await? {
        if !is_sealed(&webhook.secret) {
            let sealed = key.seal(&webhook.tenant, &webhook.url, &webhook.secret);
            store
                .replace_secret(webhook.id, &webhook.secret, &sealed)
                .await?;
        }
    }
    Ok(())
}
