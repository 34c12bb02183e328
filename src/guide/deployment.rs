//! Running `optin` on one or several machines.
//!
//! # Processes
//!
//! `optin serve` with a SQLite file is a complete service. With PostgreSQL and an S3 bucket, any number of services and workers
//! share the queue:
//!
//! ```text
//! export DATABASE_URL=postgres://optin:..@database/optin OPTIN_STORAGE_URL=s3://optin AWS_ENDPOINT_URL=.. AWS_ACCESS_KEY_ID=.. AWS_SECRET_ACCESS_KEY=..
//! optin doctor                                    # checks the configuration of this machine and explains errors
//! optin serve --workers 0 --listen 0.0.0.0:8080   # HTTP API, sweeper and webhooks
//! optin worker --listen 127.0.0.1:9464            # runs one job at a time; serves /livez, /readyz and /metrics
//! optin worker --device cuda                      # runs jobs with "device": "cuda"; start the service with --remote-devices cpu,cuda
//! ```
//!
//! - Connect to PostgreSQL 15 or later directly, or through a pooler in session mode. A pooler in transaction mode is rejected.
//! - All workers need the same sources (`--source-root`, `--source-bucket`).
//! - A worker that returns after its lease (15 s) has expired cannot change the job.
//! - Completed stages are documents in the bucket, keyed by a digest of their inputs. A retry, or a later job of the same tenant
//!   with the same inputs, reuses them.
//! - A process that is killed during a large upload leaves parts in the bucket. Add a lifecycle rule that aborts incomplete
//!   multipart uploads.
//! - `docker/optin-worker.service` is a systemd unit.
//!
//! # API keys and proxies
//!
//! A service on loopback requires no API key. On any other address it does. `optin keys create --tenant TEAM --name laptop --scope
//! admin` creates the first key, and `/v1/keys` the others. TLS is the task of a proxy.
//!
//! With `--keys proxied`, a proxy authenticates the clients, and the service requires no key. Rate limits then count the address
//! that the proxy forwards: the last one in `X-Forwarded-For`, or another header by `--client-address`. Limits apply per process.
//!
//! # Observability
//!
//! - Requests that fail are logged with their status, code and `request_id`: 4xx at `info`, 5xx at `warn`.
//! - Log lines of a request and of its job share a `trace_id`, taken from `traceparent` if the client sends it.
//! - Prometheus scrapes `/metrics` with an API key of the scope `metrics`. It is exempt from the rate limit.
//!   `rate(optin_stage_flops_total[5m]) / rate(optin_stage_duration_seconds_sum[5m])` is the achieved speed of a stage.
//!
//! # Tools for testing a deployment
//!
//! ```text
//! tests/soak/run 20       # kills services, workers, database and bucket at random for 20 minutes; checks every job
//! tests/fuzz/run 180      # fuzzes the parsers of untrusted input, 180 s each
//! cargo bench --bench queue -- --database-url postgres://..   # claims, latencies and reads with a million ended jobs
//! ```
//!
//! The files in `docker/` (CPU, CUDA, and a compose file with PostgreSQL and Garage) were written without a container engine and
//! have not been run.
