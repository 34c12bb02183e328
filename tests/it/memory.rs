//! What a run takes of memory: counted before it begins, refused where it is not there, and kept to.

use std::path::Path;
use std::process::{Command, Output};

use optin::prune::estimate;
use optin::prune::failure::Code;
use optin::prune::prepare::Prepared;
use optin::prune::{memory, peak};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// The program itself, its threads' stacks and what its allocator does not give back, in MiB.
const PROGRAM: u64 = 64;

#[test]
fn a_run_that_does_not_fit_is_refused_with_the_remedy() {
    let folder = Folder::new(Tiny::default());
    let (places, recipe) = (folder.places("out"), folder.recipe(0.5));
    let plan = estimate(&places, &recipe).unwrap();
    let wanted = peak::working(&Prepared::read(&places, &recipe).unwrap(), &recipe);
    let weights = plan.size.bytes + 4 * plan.size.parameters;
    assert_eq!(plan.peak_bytes, weights + wanted);
    memory::check(wanted, Some(wanted)).unwrap();
    memory::check(wanted, None).unwrap();
    let refused = memory::check(wanted, Some(wanted - 1)).unwrap_err();
    assert_eq!(refused.code, Code::LimitExceeded);
    assert!(
        refused.detail.contains("calibration.max_tokens"),
        "{}",
        refused.detail
    );
    assert!(memory::available(&optin::model::device::Device::Cpu).unwrap() > 1 << 20);
}

#[test]
fn a_run_stays_within_its_plan() {
    stays_within_its_plan(&["--metric", "flops", "--target", "60%"]);
}

#[test]
fn a_run_that_measures_latency_stays_within_its_plan() {
    stays_within_its_plan(&[
        "--metric",
        "latency_ms",
        "--target",
        "95%",
        "--tolerance",
        "50%",
    ]);
}

fn stays_within_its_plan(target: &[&str]) {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/debian-sections");
    let folder = tempfile::tempdir().unwrap();
    let prune = || {
        Command::new(env!("CARGO_BIN_EXE_optin"))
            .arg("prune")
            .args(target)
            .arg("--model")
            .arg(bundled.join("model"))
            .arg("--calibration")
            .arg(bundled.join("calibration.tsv"))
            .arg("--out")
            .arg(folder.path().join("out"))
            .output()
            .unwrap()
    };
    // What was measured while other tests took the machine may leave no choice at the target.
    let unreachable = |run: &Output| run.status.code() == Some(3);
    let mut runs = (0..4).map(|_| prune());
    let run = runs.find(|run| !unreachable(run)).unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    // "memory: 370 MiB planned, 251 MiB taken at most"
    let line = said.lines().find_map(|line| line.strip_prefix("memory: "));
    let numbers = line
        .unwrap()
        .split(' ')
        .filter_map(|word| word.parse().ok());
    let [planned, taken] = *numbers.collect::<Vec<u64>>() else {
        panic!("{said}");
    };
    assert!(planned > 0 && taken <= planned + PROGRAM, "{said}");
}
