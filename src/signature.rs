//! Signatures of results in the format of minisign: who keeps the secret key made the result.
//!
//! minisign needs no service and no network: one small key signs, another small key verifies, and Linux distributions have the
//! tool. sigstore would prove more, such as when a result was signed, but it needs identities and a public log.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use minisign::{PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};

use crate::file_name::beside;

/// What is appended to the name of a file to name that of its signature.
const SUFFIX: &str = ".minisig";

/// The largest file of a key that is read, in bytes. Keys are far smaller.
const MAX_KEY_BYTES: u64 = 4_096;

/// Errors of keys and signatures.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// A file cannot be read or written.
    #[error("could not access {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file is not the key that it should be.
    #[error("{0}")]
    Key(String),
    /// A signature is malformed or wrong.
    #[error("{0}")]
    Signature(String),
}

/// A secret key.
pub struct Signer(SecretKey);

/// Hides the key.
impl std::fmt::Debug for Signer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Signer")
    }
}

impl Signer {
    /// Reads a secret key that `minisign -G` wrote. `password` decrypts an encrypted key, and is ignored for another one.
    ///
    /// # Errors
    /// Returns [`SignatureError`] if the file cannot be read, is not a secret key, or cannot be decrypted.
    pub fn open(path: &Path, password: Option<&str>) -> Result<Self, SignatureError> {
        let text = small_file(path)?;
        let place = path.display();
        let wrong = || SignatureError::Key(format!("{place} is not a secret key of minisign"));
        // The tool writes no checksum of a key without a password, and the crate would refuse such a key for it.
        let line = text.lines().nth(1).unwrap_or_default();
        let bytes = BASE64_STANDARD.decode(line).map_err(|_| wrong())?;
        let stored = SecretKey::from_bytes(&bytes).map_err(|_| wrong())?;
        let key = match (stored.is_encrypted(), password) {
            (false, _) => stored,
            (true, Some(password)) => {
                let key = SecretKeyBox::from(text).into_secret_key(Some(password.to_owned()));
                key.map_err(|_| {
                    SignatureError::Key(format!(
                        "could not decrypt {place}; check OPTIN_SIGNING_KEY_PASSWORD"
                    ))
                })?
            }
            (true, None) => {
                return Err(SignatureError::Key(format!(
                    "{place} is encrypted; set OPTIN_SIGNING_KEY_PASSWORD to its password, or write a key without one with \
                     \"minisign -G -W\""
                )));
            }
        };
        // A damaged key gives wrong signatures.
        let public = PublicKey::from_secret_key(&key).map_err(|_| wrong())?;
        let tried = minisign::sign(Some(&public), &key, Cursor::new([]), None, None);
        tried.map(|_| Self(key)).map_err(|_| wrong())
    }

    /// Signs a file, and writes the signature beside it. Returns the path of the signature. `about` becomes a part of the
    /// comment that is signed as well, after the time and the name of the file.
    ///
    /// # Errors
    /// Returns [`SignatureError`] if a file cannot be read or written.
    pub fn sign_file(&self, path: &Path, about: Option<&str>) -> Result<PathBuf, SignatureError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| SignatureError::Io { path, source }
        };
        let content = fs::read(path).map_err(failed(path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut comment = format!(
            "timestamp:{}\tfile:{name}",
            now.map_or(0, |now| now.as_secs())
        );
        if let Some(about) = about {
            comment.push('\t');
            comment.push_str(about);
        }
        let untrusted = format!("signature of {name} by optin");
        let signed = minisign::sign(
            None,
            &self.0,
            Cursor::new(content),
            Some(&comment),
            Some(&untrusted),
        );
        let signed = signed.map_err(|_| {
            SignatureError::Signature(format!(
                "could not sign {}: no random numbers",
                path.display()
            ))
        })?;
        let own = signature_of(path);
        fs::write(&own, signed.into_string()).map_err(failed(&own))?;
        Ok(own)
    }
}

/// A public key.
pub struct Verifier(PublicKey);

impl Verifier {
    /// Reads a public key: its text, which begins with `RW`, or the path of its file.
    ///
    /// # Errors
    /// Returns [`SignatureError`] if it is neither.
    pub fn open(key: &str) -> Result<Self, SignatureError> {
        if let Ok(key) = PublicKey::from_base64(key) {
            return Ok(Self(key));
        }
        let path = Path::new(key);
        if !path.is_file() {
            return Err(SignatureError::Key(format!(
                "\"{key}\" is neither a public key of minisign nor a file; give the text that begins with RW, or its file"
            )));
        }
        let key = PublicKeyBox::from(small_file(path)?).into_public_key();
        key.map(Self).map_err(|_| {
            SignatureError::Key(format!(
                "{} is not a public key of minisign",
                path.display()
            ))
        })
    }

    /// Verifies the signature beside a file. Returns the comment that was signed as well.
    ///
    /// # Errors
    /// Returns [`SignatureError`] if there is no signature, or if it is not one of this file by this key.
    pub fn verify_file(&self, path: &Path) -> Result<String, SignatureError> {
        let own = signature_of(path);
        if !own.exists() {
            return Err(SignatureError::Signature(format!(
                "{} has no signature; {} is missing",
                path.display(),
                own.display()
            )));
        }
        let refused = |what: &str| SignatureError::Signature(format!("{} {what}", own.display()));
        let signature = SignatureBox::from_string(&small_file(&own)?)
            .map_err(|_| refused("is not a signature of minisign"))?;
        if signature.keynum() != self.0.keynum() {
            return Err(refused("was made with another key"));
        }
        let content = fs::read(path).map_err(|source| SignatureError::Io {
            path: path.to_owned(),
            source,
        })?;
        minisign::verify(
            &self.0,
            &signature,
            Cursor::new(content),
            true,
            false,
            false,
        )
        .map_err(|_| refused("is not a signature of the file; one of both was changed"))?;
        signature
            .trusted_comment()
            .map_err(|_| refused("has no signed comment"))
    }
}

/// Returns the path of the signature of a file.
#[must_use]
pub fn signature_of(path: &Path) -> PathBuf {
    beside(path, SUFFIX)
}

/// Reads a file of at most [`MAX_KEY_BYTES`].
fn small_file(path: &Path) -> Result<String, SignatureError> {
    let failed = |source| SignatureError::Io {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > MAX_KEY_BYTES {
        return Err(SignatureError::Key(format!(
            "{} has {bytes} bytes; keys and signatures of minisign have at most {MAX_KEY_BYTES}",
            path.display()
        )));
    }
    fs::read_to_string(path).map_err(failed)
}
