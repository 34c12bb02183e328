//! Times in the types of PostgreSQL, and the database time.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use time::OffsetDateTime;

use crate::job::UnixMs;
use crate::job::store::error::StoreError;

/// The last millisecond of the year 9999.
const LAST_MS: UnixMs = 253_402_300_799_999;

/// Converts a time to the type of the database. Times outside the years 1970 to 9999 become the nearest allowed one.
pub(super) fn from_ms(at: UnixMs) -> OffsetDateTime {
    let nanoseconds = i128::from(at.clamp(0, LAST_MS)) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Reads a time from a column.
pub(super) fn read(row: &PgRow, column: &str) -> Result<UnixMs, StoreError> {
    Ok(milliseconds(row.try_get(column)?))
}

/// Reads a time from a nullable column.
pub(super) fn read_optional(row: &PgRow, column: &str) -> Result<Option<UnixMs>, StoreError> {
    let found: Option<OffsetDateTime> = row.try_get(column)?;
    Ok(found.map(milliseconds))
}

fn milliseconds(at: OffsetDateTime) -> UnixMs {
    let whole = at.unix_timestamp_nanos().div_euclid(1_000_000);
    UnixMs::try_from(whole).unwrap_or(UnixMs::MAX)
}

/// Returns the database time.
pub(super) async fn now(connection: &mut PgConnection) -> Result<UnixMs, StoreError> {
    let row = sqlx::query("SELECT clock_timestamp() AS now")
        .fetch_one(connection)
        .await?;
    read(&row, "now")
}
