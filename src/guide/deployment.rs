//! Running `optin` on one or several machines.
//!
//! # Processes
//!
//! `optin serve` with a SQLite file is a complete service. With PostgreSQL and an S3 bucket, any number of services and workers
//! share the queue:
//!
//! ```text
//! export DATABASE_URL=postgres://optin:SECRET@database/optin
//! export OPTIN_STORAGE_URL=s3://optin AWS_ENDPOINT_URL=https://s3.example.org AWS_ACCESS_KEY_ID=KEY AWS_SECRET_ACCESS_KEY=SECRET
//! optin doctor                                    # checks the configuration of this machine and explains errors
//! optin serve --workers 0 --listen 0.0.0.0:8080   # HTTP API, webhooks and removal of expired data
//! optin worker --listen 127.0.0.1:9464            # runs one job at a time; serves /livez, /readyz and /metrics
//! optin worker --device cuda                      # runs jobs with "device": "cuda"; start the service with --remote-devices cpu,cuda
//!                                                 # (a CUDA build compiles, but has never run on a GPU)
//! ```
//!
//! - The services and all workers need the same sources (`--source-root`, `--source-bucket`).
//! - Connect to PostgreSQL 15 or later directly, or through a pooler in session mode. A pooler in transaction mode is rejected.
//! - The services need the same key for the secrets of webhooks: see below.
//! - Each job runs in a child process (`optin child`), and so does each estimate and each check of an upload. A child gets no
//!   environment variables but those for threads, CUDA and the dynamic linker. If the memory of a container runs out, the kernel ends
//!   a child before the service. Where the kernel ends all processes of a container at once (`memory.oom.group`, as Kubernetes sets
//!   it), the job is tried again by another worker.
//! - A worker that returns after its lease (15 s) has expired cannot change the job.
//! - The results of completed stages are stored under a digest of their inputs. A retry, or a later job of the same tenant with the
//!   same inputs, reuses them.
//! - A process that is killed during a large upload leaves an incomplete multipart upload in the bucket. Add a lifecycle rule that
//!   aborts them.
//! - `docker/optin-worker.service` is a systemd unit.
//!
//! # Tenants
//!
//! - Tenants take turns. The next job belongs to the tenant with the fewest running jobs on the device, and among equals to the one
//!   whose last turn is the longest ago. A priority counts only among the jobs of one tenant.
//! - While several tenants have API keys that can create jobs, a tenant runs jobs on all workers but one, so that a job of another
//!   tenant can start soon. `--max-running` sets another limit, for all devices together. A single worker runs jobs of any tenant.
//! - The uploads of a tenant may have 100 GiB together (`--max-uploads-gib`). An upload counts with its announced size from its
//!   creation to its deletion. `GET /v1/usage` returns the usage and the limits.
//! - A deleted upload leaves the artifact store at once, and the caches of all workers within a minute, or when the job that reads
//!   it ends. A bucket accepts a content until its URL expires (1 hour). If its upload was deleted, or announced less, the content
//!   is removed within another hour.
//! - Each webhook has its own deliveries in progress, at most two. A receiver that hangs delays only its own messages.
//!
//! # Files and keys
//!
//! - All files of a service belong to its user alone (modes 0600 and 0700): the data folder, a local artifact store (`--storage-url`),
//!   the cache (`--cache-dir`) and a SQLite database, with the files beside it. Folders of an earlier release get these modes at the
//!   start. A folder that others can access and that has other files, such as `/tmp`, is refused.
//! - `secrets.key` in the data folder encrypts the secrets of the webhooks in the database and the sessions of the dashboard
//!   (ChaCha20-Poly1305). The first start creates the key, and encrypts the secrets that an earlier release stored in clear. Keep a copy of it apart from the backups of the
//!   database: both together reveal the secrets, and without the key, the webhooks must be created again.
//! - Services that share a database need the same key: copy the file before the second one starts, or mount it and name it with
//!   `--secrets-key`. A service with another key does not start. Workers do not need the key.
//! - If the key is lost, execute `DELETE FROM webhooks; DELETE FROM secret_key;` in the database. The next start creates a new key.
//! - `signing.key` signs the URLs of a local artifact store. Without it, the service creates a new one, and the URLs of the old one end.
//!
//! # API keys and proxies
//!
//! A service on a loopback address requires no API key. On any other address it requires one. `optin keys create --tenant TEAM --name
//! laptop --scope admin` creates the first key; `POST /v1/keys` creates others. The tenant of a key separates its jobs, files and
//! webhooks from those of other tenants. All tenants can read all sources that the service can read.
//!
//! The dashboard takes an API key and starts a session of 12 hours. The cookie contains the encrypted key, so each service that shares the
//! database accepts it, and it ends when the key is revoked or expires. Sign-in attempts count against the rate limit of their address.
//! With `--public-url https://...`, browsers return the cookie only over HTTPS. The page of operations requires the scope `admin`.
//!
//! The service does not support TLS. Use a reverse proxy.
//!
//! With `--keys proxied`, a proxy authenticates the clients, and the service requires no key. All clients then belong to one tenant.
//! Rate limits apply to the client address that the proxy forwards: the last one in `X-Forwarded-For`, or the header set by
//! `--client-address`. Each process counts separately.
//!
//! # Limits of connections
//!
//! No client can keep others waiting by being slow:
//!
//! - A client must send or read 16 KiB in each `--stall-timeout` (60 s) in which the service waits for it. Otherwise its connection is
//!   closed; an unfinished upload gets 408 `body_stalled`. Uploads and downloads have no other timeout.
//! - If `--max-connections` (1,024) or `--max-connections-per-address` (256) is reached, a new connection takes the place of an idle
//!   one, which has sent and read nothing for half a second: of the address with the most connections, the one that has been idle for
//!   the longest time.
//! - If none of `--max-connections` is idle, the address with the most connections loses its newest one to a client of another address,
//!   provided that it has at least two more than that one. A download that breaks off can continue with a `Range`.
//! - If all connections are in use, `/livez`, `/readyz` and `/metrics` are still answered, on 256 more connections. Other requests get
//!   429 `rate_limited` if their address has too many connections, and otherwise 503 `unavailable`.
//! - Behind a proxy, all connections are those of the proxy. Set `--client-address` (or `--keys proxied`):
//!   `--max-connections-per-address` then limits the concurrent requests of each forwarded address. Without it, the proxy counts as
//!   one client with at most 256 connections.
//! - A request without a key that was valid in the last ten minutes counts against the rate of its address before the database is
//!   asked.
//!
//! The service lowers `--max-connections` if the limit of open files (`ulimit -n`) is not 512 higher, and logs a warning.
//!
//! # Observability
//!
//! - Requests that fail are logged with their status, code and `request_id`: 4xx at `info`, 5xx at `warn`.
//! - Log lines of a request and of its job share a `trace_id`, taken from `traceparent` if the client sends it.
//! - Prometheus reads `/metrics` of a service with an API key that has the scope `metrics`, if the service requires keys. The rate
//!   limit does not apply to it. `/metrics` of a worker requires no key.
//!   `rate(optin_stage_flops_total[5m]) / rate(optin_stage_duration_seconds_sum[5m])` is the speed of each stage in FLOP/s.
//!
//! # Tools for testing a deployment
//!
//! ```text
//! tests/soak/run 20       # a test on its own servers: kills services, workers, database and bucket at random for 20 minutes, among
//!                         # hostile jobs, broken archives and clients that do not read
//! tests/soak/overload     # measures the service while hostile clients hold thousands of connections
//! tests/fuzz/run 180      # fuzzes the parsers of untrusted input, and whole models and data sets as a child process reads them, with
//!                         # its limit of memory; 180 s each
//! cargo bench --bench queue -- --database-url postgres://..   # measures the queue with a million ended jobs
//! python3 benches/pages.py target/release/optin --database-url postgres://..   # measures the pages of the dashboard beside 5,000
//!                         # jobs, on SQLite and on an empty database
//! ```
//!
//! The files in `docker/` (CPU, CUDA, and a compose file with PostgreSQL and Garage) were written without a container engine and
//! have not been run.
