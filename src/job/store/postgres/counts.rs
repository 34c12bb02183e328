//! The number of jobs in each state.

use sqlx::postgres::{PgPool, PgRow};
use sqlx::{Postgres, QueryBuilder, Row as _};

use crate::job::State;
use crate::job::store::column;
use crate::job::store::{JobFilter, StoreError};
use crate::job::tenant::Scope;

/// Counts the jobs that match the filter, whatever its states.
pub(super) async fn counts(
    pool: &PgPool,
    scope: &Scope,
    filter: &JobFilter,
) -> Result<Vec<(State, i64)>, StoreError> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT state, COUNT(*) FROM jobs WHERE true");
    if let Some(tenant) = scope.tenant() {
        query.push(" AND tenant = ").push_bind(tenant);
    }
    if let Some(model) = &filter.model {
        query.push(" AND model_uri = ").push_bind(model);
    }
    if let Some((key, value)) = &filter.label {
        query.push(" AND labels ->> ").push_bind(key);
        query.push(" = ").push_bind(value);
    }
    query.push(" GROUP BY state");
    let rows = query.build().fetch_all(pool).await?;
    let count = |row: &PgRow| Ok((column::word(row.try_get(0)?)?, row.try_get(1)?));
    rows.iter().map(count).collect()
}
