//! Files of their own, and the record that many of them have together.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::checkpoint::read_file::ReadFile;

/// Size and digest of a file that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
}

impl Seen {
    /// Returns those of this content.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            sha256: Sha256::digest(bytes).into(),
        }
    }
}

/// Returns the record of files of one kind, given by their paths in the folder `holder`: the SHA-256 of the list that
/// `sha256sum` prints for them, sorted by path.
pub(super) fn record<'a>(
    holder: &str,
    kind: &str,
    files: impl Iterator<Item = (&'a str, Seen)>,
) -> ReadFile {
    let listed: BTreeMap<&str, Seen> = files.collect();
    let lines = listed
        .iter()
        .map(|(path, file)| format!("{}  {path}\n", hex::encode(file.sha256)));
    let list: String = lines.collect();
    let name = holder.trim_end_matches('/').rsplit('/').next();
    ReadFile {
        name: format!("{} ({} {kind})", name.unwrap_or_default(), listed.len()),
        bytes: listed.values().map(|file| file.bytes).sum(),
        sha256: hex::encode(Sha256::digest(list)),
    }
}
