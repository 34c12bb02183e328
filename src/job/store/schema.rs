//! Describes why a database schema cannot be migrated.

use sqlx::migrate::MigrateError;

/// Describes the problem and the remedy, as the end of a sentence that names the database.
pub(super) fn describe(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(version) => {
            format!(
                "is newer than this release of optin supports (migration {version}); upgrade optin"
            )
        }
        MigrateError::VersionMismatch(version) => format!(
            "was created by another build of optin: its migration {version} differs from that of this release; use the \
             build that created it, or restore a backup"
        ),
        MigrateError::Dirty(version) => format!(
            "is incomplete: migration {version} was interrupted; restore a backup, or ask the database administrator"
        ),
        error => format!("cannot be migrated: {error}"),
    }
}
