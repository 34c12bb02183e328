//! `optin` prunes trained networks without retraining, as a library, a command line and an HTTP service.
//!
//! The method is OPTIN (Khaki & Plataniotis, "The Need for Speed: Pruning Transformers with One
//! Recipe", ICLR 2024, arXiv 2403.17921):
//!
//! 1. Score: mask a unit and measure how the features of every later layer and the logits change (the
//!    *trajectory*).
//! 2. Search: keep the most important units under a budget of multiply-accumulates.
//! 3. Prune: remove the other units physically.
//! 4. Repair: solve the kept weights again by least squares.
//!
//! # The pipeline
//!
//! ```text
//! CreateJob -> Recipe -> Job + Lease -> Plan -> Scores -> Masks -> Checkpoint -> Report -> Manifest -> SignedUrl
//! (wire)       (valid)                                    (prune + least squares)
//! ```
//!
//! At each arrow the type, the file and the module share a name. Each stage from `Plan` to `Report`
//! writes one document to the stage cache ([`prune::journal`]). The key of the document is a digest of
//! everything that the stage read. A job that was killed resumes after its last completed stage.
//!
//! # The modules
//!
//! | module | contents | may import |
//! |---|---|---|
//! | [`file_name`] | the names of a result's files | no other module |
//! | [`unique_json`] | parses JSON without repeated keys | no other module |
//! | [`checkpoint`] | reads and writes Hugging Face folders | `unique_json` |
//! | [`onnx`] | builds ONNX graphs and writes ONNX files, and runs them where ONNX Runtime is | no other module |
//! | [`model`] | the graphs, with their prunable units as data | `checkpoint`, `onnx` |
//! | [`data`] | calibration and evaluation data, one reader per kind of input | `model`'s inputs, `checkpoint`, `unique_json` |
//! | [`answer`] | what models answer, one file per task: divergence, truth, metrics, description | `data`, `checkpoint`, `statistics`, `quantity` |
//! | [`quantity`] | numbers with their units, for people | no other module |
//! | [`statistics`] | means, deviations and ranks of numbers | no other module |
//! | [`prune`] | the method, one folder per arrow | `answer`, `model`, `data`, `checkpoint`, `onnx`, `statistics`, `quantity`, `file_name` |
//! | [`sealing`] | encrypts the secrets of webhooks and sessions | no other module |
//! | [`signature`] | signs and verifies results in the format of minisign | no other module |
//! | [`artifact`] | storage of files; the only module that uses `object_store` | `file_name`, `telemetry` |
//! | [`job`] | jobs and the job store; the only module with SQL | `prune`'s documents, `artifact::key`, `sealing` |
//! | [`worker`] | runs jobs | `job`, `artifact`, the core, `file_name`, `signature`, `telemetry` |
//! | [`api`] | the HTTP API; the only module that uses `utoipa`, and with `dashboard` the only one that uses `axum` | `job`, `artifact`, `model::registry`, `answer::TASKS`, `prune`'s documents, `file_name`, `unique_json`, `telemetry` |
//! | [`dashboard`] | pages for people, rendered from responses of the API | types that these responses contain, `quantity`, `sealing` |
//! | [`telemetry`] | tracing, metrics and health of background loops | no other module |
//! | [`config`] | flags and environment variables, one file per concern; the only module that reads the environment | the option structs of the others |
//! | [`cli`] | the commands; the composition root | every module |
//!
//! `file_name`, `unique_json`, `checkpoint`, `onnx`, `model`, `data`, `answer`, `quantity`, `statistics` and `prune` are the core. The core never uses tokio, HTTP, SQL, the
//! environment or the time of day, and prints nothing. Further rules:
//!
//! - `model` never uses `prune`: a graph does not know why it is masked.
//! - `prune` never names an architecture, a kind of input or a kind of answer.
//! - `dashboard` and `api` never use each other. The dashboard calls the API's router like any client.
//! - `api` and `worker` never use each other. They communicate through `job` (rows) and `artifact` (bytes).
//! - Files do not import each other in circles. A file imports an item from the file that defines it, and not from a
//!   parent module that imports the file.
//!
//! `tests/it/architecture.rs` and `tests/it/imports.rs` enforce all of these rules.
//!
//! # Where to add things
//!
//! Each of these needs one new file or folder and one line of registration:
//!
//! - An architecture: `model/<name>/` and [`model::registry`].
//! - A task: `answer/<name>.rs` and [`answer::TASKS`].
//! - A kind of input: `data/<name>/`, which implements [`data::reader::Reader`], and [`data::open`].
//! - A job store: `job/store/<name>.rs` and `migrations/<name>/`.
//! - An endpoint: a handler and one `routes!` line in `api/routes.rs`.
//! - A page: a file in `dashboard/pages/` and one line in `dashboard/router.rs`.

pub mod answer;
pub mod api;
pub mod artifact;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod dashboard;
pub mod data;
pub mod file_name;
pub mod guide;
pub mod job;
pub mod model;
pub mod onnx;
pub mod prune;
pub mod quantity;
pub mod sealing;
pub mod signature;
pub mod statistics;
pub mod telemetry;
pub mod unique_json;
pub mod worker;
