//! `optin bench` on tiny models.

use serde_json::Value;
use tempfile::tempdir;

use super::process::{names, optin, run, text};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// Measures variants of the method at 60 % of the FLOPs, and returns the answer and the number of stored curves.
fn accuracy(folder: &Folder, variants: &str) -> (Value, usize) {
    let cache = tempdir().unwrap();
    let mut command = optin();
    command.args(["bench", "accuracy", "--json", "--targets", "60%"]);
    command.args(["--seeds", "0,1", "--variants", variants]);
    command.args(["--scoring-samples", "8", "--importance", "after_repair"]);
    command.arg("--stage-cache").arg(cache.path());
    command.arg("--model").arg(folder.model());
    command.arg("--calibration").arg(folder.calibration());
    command.arg("--evaluation").arg(folder.evaluation());
    let ended = run(&mut command);
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    let stored = names(cache.path()).into_iter();
    let curves = stored.filter(|name| name.starts_with("curves")).count();
    (serde_json::from_slice(&ended.stdout).unwrap(), curves)
}

#[test]
fn accuracy_measures_curves_only_for_variants_that_read_them() {
    let folder = Folder::new(Tiny::default());
    let (plain, curves) = accuracy(&folder, "paper,fisher,magnitude");
    assert_eq!(curves, 0);
    // One set of curves for each seed.
    let (all, curves) = accuracy(&folder, "paper,default");
    assert_eq!(curves, 2);
    for (answer, variants) in [(&plain, 3), (&all, 2)] {
        assert_eq!(answer["metric"], "accuracy");
        assert_eq!(answer["rows"], 64);
        let rows = answer["variants"].as_array().unwrap();
        assert_eq!(rows.len(), variants);
        for row in rows {
            let cell = &row["cells"][0];
            assert_eq!(cell["scores"].as_array().unwrap().len(), 2, "{cell}");
            assert!(cell["divergence"].as_f64().unwrap() > 0.0, "{cell}");
        }
    }
    // The formula of the paper reads the same scores in both.
    assert_eq!(plain["variants"][0], all["variants"][0]);
}
