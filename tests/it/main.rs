//! All integration tests, in one binary so that linking happens only once.
#![expect(
    unreachable_pub,
    reason = "all modules of this binary share the fixtures"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap ends the test and reports its location"
)]

mod activations;
mod answers;
mod api;
mod architecture;
mod archive;
mod artifact;
mod artifact_store;
mod bert;
mod bodies;
mod card;
mod changed_rows;
mod checkpoint;
mod cli;
mod convnet;
mod dashboard;
mod data;
mod delivered;
mod draft;
mod failure;
mod faults;
mod file_name;
mod fixture;
mod ids;
mod images;
mod imports;
mod int8;
mod job_state;
mod job_store;
mod kernels;
mod labels;
mod laws;
mod lists;
mod maps;
mod mask2former;
mod memory;
mod merging;
mod method;
mod modernbert;
mod openapi;
mod proxy;
mod prune;
mod questions;
mod readable;
mod recipe;
mod reference;
mod reproducibility;
mod resnet;
mod rounds;
mod segmentation;
mod sentences;
mod service;
mod signature;
mod source;
mod swin;
mod tables;
mod target;
mod text;
mod vit;
mod webhook;
mod worker;
