//! Removal of files and folders that several processes may remove.

/// Treats "not found" as success: another process may have removed the file or folder first.
pub(super) fn gone_or_removed(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
