//! Why a database's schema cannot be brought up to date, in plain words.

use sqlx::migrate::MigrateError;

/// What is wrong with the schema and what to do about it: the end of a sentence that names the database.
pub(super) fn told(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(version) => {
            format!(
                "is newer than this release of optin knows (migration {version}); upgrade optin"
            )
        }
        MigrateError::VersionMismatch(version) => format!(
            "comes from another build of optin: its migration {version} is not the one of this release; use the build \
             that made it, or restore a backup"
        ),
        MigrateError::Dirty(version) => format!(
            "was left half way by migration {version}; restore a backup, or ask whoever runs the database"
        ),
        error => format!("cannot be brought up to date: {error}"),
    }
}
