//! Encrypts short contents, so that only services with the same key can read and make them.
//!
//! A sealed content is a random nonce, the content encrypted with ChaCha20-Poly1305, and the tag.

use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;

/// Size of a key in bytes.
pub const KEY_BYTES: usize = 32;

/// A key that seals and opens contents.
pub struct Sealing(LessSafeKey);

impl Sealing {
    /// Creates a key from its bytes.
    ///
    /// # Panics
    /// Does not panic: the key has the right size.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has the right size");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts a content. The tag also covers `bound_to`: without the same bytes, the content cannot be opened.
    ///
    /// # Panics
    /// Panics if the content has more than 256 GiB.
    #[must_use]
    pub fn seal(&self, bound_to: &[u8], content: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = content.to_vec();
        let sealing = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(sealing, Aad::from(bound_to), &mut sealed)
            .expect("the content is short");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts a sealed content. Returns `None` if it was sealed with another key or bound to other bytes, or altered.
    #[must_use]
    pub fn open(&self, bound_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, content) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut content = content.to_vec();
        let opening = Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .0
            .open_in_place(opening, Aad::from(bound_to), &mut content);
        Some(opened.ok()?.to_vec())
    }
}

/// Returns the bytes that a key gives for a purpose. They do not reveal the key.
///
/// # Panics
/// Does not panic: HMAC accepts keys of any length.
#[must_use]
pub fn derived(key: &[u8; KEY_BYTES], purpose: &[u8]) -> [u8; KEY_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}
