//! Check of a result's folder: that its files are those that were written, and that its model gives the answers of
//! `verify.json`, in our graph and in ONNX Runtime if there is one.

use std::collections::BTreeMap;
use std::path::Path;

use super::golden::{self, Golden};
use super::runtime;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::data;
use crate::file_name::FileName;
use crate::model::registry;
use crate::onnx::runtime::Runtime;
use crate::prune::digest::sha256_of;
use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::Method;
use crate::prune::surgery::folder::{SIGNATURE, SUMS};
use crate::prune::surgery::onnx;

/// A folder that passed all checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delivered {
    /// Number of files with a checksum.
    pub files: usize,
    /// Number of inputs whose answers were compared.
    pub rows: usize,
    /// The largest difference of a number in an answer, relative to `max(1, |number|)`.
    pub difference: f64,
    /// The same for `model.onnx` in ONNX Runtime. `None` if the folder has no such file, or without ONNX Runtime.
    pub onnx_difference: Option<f64>,
    /// Whether the folder has `model.onnx`.
    pub has_onnx: bool,
}

/// Checks a folder that a job or `optin prune` wrote. With a runtime, also checks `model.onnx` if the folder has it.
///
/// # Errors
/// Returns [`Code::InvalidCheckpoint`] with the first file that is missing, was added or differs, or with the first answer that
/// differs. Returns the error of reading the folder if it is not a model.
pub fn check(folder: &Path, runtime: Option<&Runtime>) -> Result<Delivered, Failure> {
    let files = sums(folder)?;
    let limits = Limits::default();
    let config = Config::open(folder, &limits)?;
    let weights = Weights::open(folder, &limits)?;
    let opened = registry::open(&config, weights, Method::default().units)?;
    let reader = data::open(&opened.model.reads, folder)?;
    let content = std::fs::read_to_string(folder.join(golden::NAME))?;
    let golden: Golden = serde_json::from_str(&content)
        .map_err(|error| refused(format!("{} is malformed: {error}", golden::NAME)))?;
    let difference = golden.difference(&opened.model, reader.as_ref())?;
    within(difference, &golden, "the answers")?;
    let graph = folder.join(onnx::NAME);
    let has_onnx = graph.exists();
    let onnx_difference = match runtime.filter(|_| has_onnx) {
        Some(runtime) => {
            let read = (reader.as_ref(), opened.model.reads);
            let difference = runtime::difference(runtime, &graph, &golden, read)?;
            within(
                difference,
                &golden,
                "the answers of model.onnx in ONNX Runtime",
            )?;
            Some(difference)
        }
        None => None,
    };
    Ok(Delivered {
        files,
        rows: golden.rows.len(),
        difference,
        onnx_difference,
        has_onnx,
    })
}

/// Checks that a difference is within the tolerance.
fn within(difference: f64, golden: &Golden, what: &str) -> Result<(), Failure> {
    match difference <= golden.tolerance {
        true => Ok(()),
        false => Err(refused(format!(
            "{what} differ from {} by {difference:.1e}; the limit is {:.0e}",
            golden::NAME,
            golden.tolerance
        ))),
    }
}

/// Checks that the checksums are those of the files, and that there is no other file. Returns the number of files.
fn sums(folder: &Path) -> Result<usize, Failure> {
    let path = folder.join(SUMS);
    let content = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => refused(format!(
            "{} has no {SUMS}; give the folder of a result",
            folder.display()
        )),
        _ => error.into(),
    })?;
    let mut listed = BTreeMap::new();
    for line in content.lines() {
        let (digest, name) = line
            .split_once("  ")
            .ok_or_else(|| refused(format!("{SUMS} has the malformed line \"{line}\"")))?;
        listed.insert(name, digest);
    }
    let present = FileName::all_in(folder)?;
    let present: Vec<&FileName> = present
        .iter()
        .filter(|name| ![SUMS, SIGNATURE].contains(&name.as_str()))
        .collect();
    for name in &present {
        let Some(digest) = listed.remove(name.as_str()) else {
            return Err(refused(format!("{name} is not in {SUMS}")));
        };
        let found = sha256_of(&name.within(folder))?;
        if found != digest {
            return Err(refused(format!(
                "{name} was changed: its SHA-256 is {found}, but {SUMS} has {digest}"
            )));
        }
    }
    match listed.into_keys().next() {
        Some(missing) => Err(refused(format!(
            "{missing} is missing, but {SUMS} lists it"
        ))),
        None => Ok(present.len()),
    }
}

fn refused(detail: String) -> Failure {
    Failure::new(Code::InvalidCheckpoint, detail)
}
