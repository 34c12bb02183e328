//! `optin` makes a trained network smaller without retraining it, and runs that as a service.
//!
//! The method is OPTIN (Khaki & Plataniotis, "The Need for Speed: Pruning Transformers with One
//! Recipe", ICLR 2024, arXiv 2403.17921): mask one unit, follow what that does to the features of
//! every later layer and to the logits (the *trajectory*), keep the units that matter most under a
//! budget of multiply-accumulates, cut the rest out, and repair what remains by least squares.
//!
//! # The route
//!
//! ```text
//! CreateJob -> Recipe -> Job + Lease -> Plan -> Scores -> Masks -> Checkpoint -> Report -> Manifest -> SignedUrl
//! (wire)       (valid)                                    (cut + least squares)
//! ```
//!
//! At each arrow the type, the file and the module share a name. The stages from `Plan` to `Report`
//! leave one document each in a [`prune::journal`], keyed by a digest of everything that they read,
//! so that a job which was killed goes on from the stages that were finished.
//!
//! # The layers
//!
//! | module | holds | may import |
//! |---|---|---|
//! | [`checkpoint`] | a Hugging Face folder, in memory and back | nothing of ours |
//! | [`model`] | the graphs, and their prunable units as data | `checkpoint` |
//! | [`data`] | calibration and evaluation batches | `model::batch`, `checkpoint::tokenizer` |
//! | [`prune`] | the method, one folder an arrow | `model`, `data`, `checkpoint` |
//! | [`artifact`] | where bytes live; alone knows `object_store` | nothing of ours |
//! | [`job`] | what a job is and where jobs live; alone holds SQL | `prune`'s documents, `artifact::key` |
//! | [`worker`] | what runs a job | `job`, `artifact`, the core, `telemetry` |
//! | [`api`] | the HTTP face; alone knows `axum` and `utoipa` | `job`, `artifact`, `model::registry`, `prune`'s documents, `telemetry` |
//! | [`telemetry`] | tracing and the names of metrics | nothing of ours |
//! | [`config`] | one file a concern; alone reads the environment | the option structs of the others |
//! | [`cli`] | the commands; the composition root | everything |
//!
//! `checkpoint`, `model`, `data` and `prune` are the core: they never see tokio, HTTP, SQL, the
//! environment or the clock of day, and print nothing. `model` never sees `prune` (a graph does not
//! know why it is masked), `prune` never names an architecture, `api` and `worker` never see each
//! other: they meet in `job` (rows) and `artifact` (bytes). `tests/it/architecture.rs` holds the
//! code to all of this.
//!
//! # Where to add things
//!
//! Each is one new file or folder and one line of registration: an architecture
//! (`model/<name>/` and [`model::registry`]), a job store (`job/store/<name>.rs` and
//! `migrations/<name>/`), an endpoint (a handler and one `routes!` line in `api/router.rs`).

pub mod api;
pub mod artifact;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod data;
pub mod guide;
pub mod job;
pub mod model;
pub mod prune;
pub mod telemetry;
pub mod worker;
