//! Tests of the memory use of a run: the estimate, the rejection of runs that do not fit, and the actual peak.

use std::path::Path;
use std::process::{Command, Output};

use optin::prune::estimate;
use optin::prune::failure::Code;
use optin::prune::prepare::Prepared;
use optin::prune::watch::Unwatched;
use optin::prune::{memory, peak};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// Memory that the estimate does not include, in MiB: the program, thread stacks and memory that the allocator does not
/// release.
const OVERHEAD_MIB: u64 = 64;

#[test]
fn a_run_that_needs_too_much_memory_is_rejected_with_a_remedy() {
    let folder = Folder::new(Tiny::default());
    let (places, recipe) = (folder.places("out"), folder.recipe(0.5));
    let plan = estimate(&places, &recipe, &Unwatched).unwrap();
    let needed = peak::working(&Prepared::read(&places, &recipe).unwrap(), &recipe);
    let weights = plan.size.bytes + 4 * plan.size.parameters;
    assert_eq!(plan.peak_bytes, weights + needed);
    memory::check(needed, Some(needed)).unwrap();
    memory::check(needed, None).unwrap();
    let rejected = memory::check(needed, Some(needed - 1)).unwrap_err();
    assert_eq!(rejected.code, Code::LimitExceeded);
    assert!(
        rejected.detail.contains("calibration.max_positions"),
        "{}",
        rejected.detail
    );
    assert!(memory::available(&optin::model::device::Device::Cpu).unwrap() > 1 << 20);
}

#[test]
fn a_run_stays_within_its_memory_estimate() {
    assert_stays_within_estimate(&["--metric", "flops", "--target", "60%"]);
}

#[test]
fn a_run_that_measures_latency_stays_within_its_memory_estimate() {
    assert_stays_within_estimate(&[
        "--metric",
        "latency_ms",
        "--target",
        "95%",
        "--tolerance",
        "50%",
    ]);
}

/// Prunes the example model with this target, and checks the estimate against the actual peak.
fn assert_stays_within_estimate(target: &[&str]) {
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
    // If other tests use the machine during the latency measurement, the target may be unreachable.
    let unreachable = |run: &Output| run.status.code() == Some(3);
    let mut runs = (0..4).map(|_| prune());
    let run = runs.find(|run| !unreachable(run)).unwrap();
    let output = String::from_utf8(run.stdout).unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    // "memory: 370 MiB planned, 251 MiB peak"
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("memory: "));
    let numbers = line
        .unwrap()
        .split(' ')
        .filter_map(|word| word.parse().ok());
    let [planned, used] = *numbers.collect::<Vec<u64>>() else {
        panic!("{output}");
    };
    assert!(planned > 0 && used <= planned + OVERHEAD_MIB, "{output}");
}
