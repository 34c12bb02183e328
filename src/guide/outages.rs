//! What clients and jobs see during an outage.
//!
//! An outage fails no job and does not count as an attempt. A job waits, shows why (`waiting` in `GET /v1/jobs/{id}`), and
//! continues by itself.
//!
//! | Outage | Clients see | Jobs | Recovery |
//! |---|---|---|---|
//! | The database is unavailable | 503 `unavailable` within 5 s. If the request may have been carried out, the detail says so: retry a POST with the same `Idempotency-Key`. | None is claimed. A running job continues. If the outage outlasts the lease (15 s), the attempt is given up and its completed stages are reused. | requests immediately, jobs within 10 s |
//! | The database is slow or does not respond | the same after at most 20 s | the same | The connection is closed; the next request opens another. |
//! | The database is read-only (a standby) | 503 for changes; reads work | as if it were unavailable | with the first request: read-only sessions leave the pool |
//! | The database is full | 507 `storage_full` for changes; reads work | None is claimed. The end of a running job is recorded when there is space. | immediately |
//! | The bucket is unavailable or rejects the credentials | Jobs are accepted. Signed URLs fail at the bucket. `/readyz` is 503. | None is claimed. A running job is requeued at its next file (`storage_unavailable`). | within 10 s |
//! | The bucket is slow or does not respond | Downloads are slow. | A request over 90 s, or a transfer below 16 KiB in 30 s, counts as unavailable. | within 10 s |
//! | The bucket is full | as if it were unavailable | None is claimed. A running attempt fails with `storage_full` and is retried. | with the next probe, after 2 s |
//! | A hub or a source bucket is unavailable, slow or overloaded | 503 `source_unavailable` for a POST that names it, with the `Retry-After` of the host | Jobs that need it wait (`source_unavailable`). Others run. | within 10 s, or after `Retry-After` |
//! | A source does not match its announced size or digest | | The attempt fails with `source_mismatch` and is retried. Invalid files leave the cache. | |
//! | A source changed after the job was created | | The job fails with `source_not_found`. A commit of a hub never changes. | |
//! | A worker is killed | | Another worker continues the job from its completed stages when the lease (15 s) expires. This counts as an attempt (`max_attempts`). | |
//! | A worker receives SIGTERM | | The job is requeued within 5 s. This does not count as an attempt. | |
//! | A worker or a background task hangs | `/livez` is 503 and names it. | | after a restart of the process |
//! | A process starts during an outage of the database or bucket | | | It reports the reason and exits; its supervisor restarts it. |
//!
//! A stalled connection may hold database locks for 10 more seconds.
//!
//! [`Call`](crate::job::store::bounded::Call) documents what each database call does when it is retried because its first response
//! was lost. The tests in `tests/it/faults` fail every transaction and request of a job once in each way, against real servers.
