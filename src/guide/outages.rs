//! What clients and jobs see during an outage.
//!
//! A job waits while the database, the bucket or a source is unavailable. It shows the reason (`waiting` in `GET /v1/jobs/{id}`) and
//! continues by itself. Waiting does not count as an attempt. A full bucket, a wrong file from a source and a killed worker do count:
//! the job fails after `max_attempts` (3 by default).
//!
//! # The database
//!
//! | Outage | Clients | Jobs | Recovery |
//! |---|---|---|---|
//! | It is unavailable. | Requests fail with 503 `unavailable` within 5 s. If the service does not know whether the request was carried out, `detail` says so: retry a POST with the same `Idempotency-Key`. | Workers claim no jobs. Running jobs continue. If the outage is longer than the lease (15 s), the worker stops working on the job, which is requeued without counting the attempt. | Requests succeed immediately; jobs continue within 10 s. |
//! | It does not respond. | Requests fail after at most 20 s. | as above | The connection is closed, and the next request opens another. |
//! | It is read-only (a standby). | Changes fail with 503; reads succeed. | as above | Read-only connections are closed at the first request. |
//! | Its disk is full. | Changes fail with 507 `storage_full`; reads succeed. | Workers claim no jobs. The end of a running job is recorded when there is space. | immediately |
//!
//! A stalled connection may hold database locks for 10 more seconds.
//!
//! # The bucket
//!
//! | Outage | Clients | Jobs | Recovery |
//! |---|---|---|---|
//! | It is unavailable, or rejects the credentials. | Jobs are accepted. Downloads fail at the bucket. `/readyz` returns 503. | Workers claim no jobs. A running job is requeued when it next reads or writes a file (`storage_unavailable`). | within 10 s |
//! | It does not respond. | Downloads are slow. | as above, if a request takes longer than 90 s or a transfer is slower than 16 KiB in 30 s | within 10 s |
//! | It is full. | as if it were unavailable | Workers claim no jobs. A running attempt fails with `storage_full` and is retried; it counts as an attempt. | at the next check, after 2 s |
//!
//! # Sources
//!
//! | Outage or error | Clients | Jobs | Recovery |
//! |---|---|---|---|
//! | The host is unavailable, slow or overloaded. | A POST that names it fails with 503 `source_unavailable`, with the `Retry-After` of the host. | Jobs that need it wait. Other jobs run. | within 10 s, or after `Retry-After` |
//! | A file does not have the size or digest that the host reported. | | The attempt fails with `source_mismatch` and is retried; it counts as an attempt. Invalid files are deleted from the cache. | |
//! | A file changed after the job was created. | | The job fails with `source_not_found`. (A commit of the Hugging Face Hub never changes.) | |
//!
//! # Processes
//!
//! | Event | Clients | Jobs | Recovery |
//! |---|---|---|---|
//! | A worker is killed. | | Another worker continues the job after its last completed stage when the lease (15 s) has expired. This counts as an attempt (`max_attempts`). | |
//! | A worker receives SIGTERM. | | The job is requeued within 5 s. This does not count as an attempt. | |
//! | A worker or a background task hangs. | `/livez` returns 503 and names the task. | | after a restart of the process |
//! | A process starts during an outage of the database or the bucket. | | | It reports the reason and exits. Its supervisor restarts it. |
//!
//! # Tests
//!
//! [`Call`](crate::job::store::bounded::Call) documents each database call that is retried because its first response was lost. The
//! tests in `tests/it/faults` make each database transaction and each storage request of a job fail once, against real servers.
