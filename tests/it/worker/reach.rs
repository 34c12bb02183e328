//! Child processes read no file outside the source roots, whatever the folders in them become after the check of a path.

use optin::job::queue::Device;
use optin::prune::admission::Kind;
use optin::prune::failure::{Code, Failure};
use optin::prune::watch::Unwatched;
use optin::worker::child::{Isolated, Program};
use optin::worker::pruner::Pruner;
use optin::worker::source::roots::Roots;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::refusal::assert_says;

/// The core in child processes of the real binary, with this source root.
fn isolated(root: &Path) -> Isolated {
    Isolated {
        program: Program {
            path: env!("CARGO_BIN_EXE_optin").into(),
            environment: Vec::new(),
        },
        device: Device::Cpu,
        roots: Roots::new(&[root.to_owned()]).unwrap(),
        max_preparing: Duration::from_secs(600),
    }
}

fn resolved(isolated: &Isolated, path: &Path) -> std::path::PathBuf {
    isolated.roots.resolve("file:///source", path).unwrap()
}

fn assert_outside(outcome: Result<(), Failure>, name: &str) {
    let words = [name, "leads to a file that this service may not read"];
    assert_says(&outcome.unwrap_err(), Code::SourceNotFound, &words);
}

/// Replaces a file or folder by a link to another one.
fn replace(path: &Path, target: &Path) {
    std::fs::rename(path, path.with_extension("aside")).unwrap();
    symlink(target, path).unwrap();
}

#[test]
fn a_path_that_becomes_a_link_after_its_check_leads_nowhere() {
    let (inside, outside) = (Folder::new(Tiny::default()), Folder::new(Tiny::default()));
    let isolated = isolated(inside.root.path());
    let [model, table] =
        [inside.model(), inside.calibration()].map(|path| resolved(&isolated, &path));
    let open = |path: &Path, kind| isolated.open(path, kind, &Unwatched);
    open(&model, Kind::Model).unwrap();
    open(&table, Kind::Data).unwrap();
    replace(&model, &outside.model());
    replace(&table, &outside.calibration());
    assert_outside(open(&model, Kind::Model), "config.json");
    assert_outside(open(&table, Kind::Data), "calibration.tsv");
}

#[test]
fn links_within_a_folder_may_lead_to_files_in_the_source_roots_only() {
    let (inside, outside) = (Folder::new(Tiny::default()), Folder::new(Tiny::default()));
    let isolated = isolated(inside.root.path());
    let (mut places, mut recipe) = (inside.places("out"), inside.recipe(0.5));
    places.evaluation = None;
    recipe.evaluation = None;
    places.model = resolved(&isolated, &places.model);
    places.calibration = resolved(&isolated, &places.calibration);
    let estimate = || isolated.estimate(&places, &recipe, &Unwatched).map(drop);
    // As in the cache of a hub.
    let blobs = inside.root.path().join("blobs");
    std::fs::create_dir(&blobs).unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let path = inside.model().join(name);
        std::fs::rename(&path, blobs.join(name)).unwrap();
        symlink(Path::new("../blobs").join(name), path).unwrap();
    }
    estimate().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let path = inside.model().join(name);
        replace(&path, &outside.model().join(name));
        assert_outside(estimate(), name);
        std::fs::rename(path.with_extension("aside"), &path).unwrap();
    }
    estimate().unwrap();
}
