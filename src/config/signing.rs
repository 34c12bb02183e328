//! The key that signs results.

use std::path::PathBuf;

use clap::Args;

use crate::signature::{SignatureError, Signer};

/// The variable with the password of an encrypted key. A flag would show it in the list of processes.
const PASSWORD: &str = "OPTIN_SIGNING_KEY_PASSWORD";

/// Flags for the key that signs results.
#[derive(Args, Clone, Debug, Default)]
pub struct SigningFlags {
    /// Sign each result with this secret key of minisign [default: no signatures]
    ///
    /// Signs SHA256SUMS, and with it all files. `minisign -G -W` writes a key. The password of an
    /// encrypted key is read from OPTIN_SIGNING_KEY_PASSWORD. `optin verify --public-key` checks
    /// the signature.
    #[arg(
        long,
        verbatim_doc_comment,
        env = "OPTIN_SIGNING_KEY",
        value_name = "FILE"
    )]
    pub signing_key: Option<PathBuf>,
}

impl SigningFlags {
    /// Reads the key, if there is one.
    ///
    /// # Errors
    /// Returns [`SignatureError`] if the file is not a secret key, or if it is encrypted and the password is missing or wrong.
    pub fn signer(&self) -> Result<Option<Signer>, SignatureError> {
        let password = std::env::var(PASSWORD).ok();
        let key = self.signing_key.as_deref();
        key.map(|path| Signer::open(path, password.as_deref()))
            .transpose()
    }
}
