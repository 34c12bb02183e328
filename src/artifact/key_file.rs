//! Secret keys of the service, each in a file that only the user of this process can read.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::private;

/// Size of a key, in bytes.
pub const KEY_BYTES: usize = 32;

/// Reads a key from a file. If the file does not exist, creates it with a random key. If several processes create the
/// file at the same time, all of them get the same key.
///
/// # Errors
/// Returns an error if the file cannot be read or created, if other users can read it, or if it does not contain a key.
pub fn load_or_create(path: &Path) -> Result<[u8; KEY_BYTES]> {
    match fs::read(path) {
        Ok(bytes) => {
            private::file(path)?;
            bytes.try_into().map_err(|_| {
                let text = format!(
                    "{} is not a key of {KEY_BYTES} bytes; remove it to create a new key, or restore a backup",
                    path.display()
                );
                Error::new(ErrorKind::InvalidData, text)
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => create(path),
        Err(error) => Err(error),
    }
}

fn create(path: &Path) -> Result<[u8; KEY_BYTES]> {
    let bytes: [u8; KEY_BYTES] = rand::random();
    let draft = path.with_added_extension(format!("{}.draft", uuid::Uuid::new_v4().simple()));
    let mut file = File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    // Unlike a rename, a link does not replace the key of another process. Some file systems have no links.
    match fs::hard_link(&draft, path) {
        Ok(()) => fs::remove_file(&draft)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(&draft)?;
            return load_or_create(path);
        }
        Err(_) => fs::rename(&draft, path)?,
    }
    Ok(bytes)
}
