//! The number of jobs in each state.

use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use crate::job::State;
use crate::job::store::column;
use crate::job::store::{JobFilter, StoreError};
use crate::job::tenant::Scope;

/// Counts the jobs that match the filter, whatever its states.
pub(super) async fn counts(
    readers: &SqlitePool,
    scope: &Scope,
    filter: &JobFilter,
) -> Result<Vec<(State, i64)>, StoreError> {
    let rows = sqlx::query(
        "SELECT state, COUNT(*) FROM jobs
         WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR model_uri = ?2)
           AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ?3 AND value = ?4))
         GROUP BY state",
    )
    .bind(scope.tenant())
    .bind(&filter.model)
    .bind(filter.label.as_ref().map(|(key, _)| key))
    .bind(filter.label.as_ref().map(|(_, value)| value))
    .fetch_all(readers)
    .await?;
    let count =
        |row: &sqlx::sqlite::SqliteRow| Ok((column::word(row.try_get(0)?)?, row.try_get(1)?));
    rows.iter().map(count).collect()
}
