//! Results as a user gets them: `optin verify`, `model.onnx` and `report.html`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use optin::prune::failure::Code;
use optin::prune::journal::NoJournal;
use optin::prune::recipe::{Output, Recipe};
use optin::prune::run;
use optin::prune::verify::delivered::check;
use optin::prune::watch::Unwatched;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::runtime::{Call, assert_answers};
use candle_core::{DType, Device, Tensor};
use optin::onnx::constant::Element;
use optin::onnx::graph::{Graph, Size};
use optin::onnx::write::{Description, write};

/// Prunes a tiny model. Returns the fixture and the folder of the result.
fn result(outputs: &[Output]) -> (Folder, PathBuf) {
    let folder = Folder::new(Tiny::default());
    let recipe = Recipe {
        outputs: outputs.to_vec(),
        ..folder.recipe(0.6)
    };
    run(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap();
    let out = folder.root.path().join("out");
    (folder, out)
}

/// Returns the names of the files of a folder, without the checksums.
fn files(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "SHA256SUMS").collect()
}

#[test]
fn a_result_passes_its_check_and_fails_after_one_flipped_byte_in_any_file() {
    let (_folder, out) = result(&Output::usual());
    let checked = check(&out, None).unwrap();
    let names = files(&out);
    assert_eq!(checked.files, names.len());
    assert!(checked.rows > 0 && checked.difference < 1e-5);
    for name in &names {
        let path = out.join(name);
        let original = fs::read(&path).unwrap();
        let mut changed = original.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(&path, changed).unwrap();
        let failure = check(&out, None).unwrap_err();
        assert_eq!(failure.code, Code::InvalidCheckpoint, "{name}");
        assert!(
            failure.detail.starts_with(&format!("{name} was changed")),
            "{}",
            failure.detail
        );
        fs::write(&path, original).unwrap();
    }
    fs::write(out.join("added.txt"), "").unwrap();
    assert!(
        check(&out, None)
            .unwrap_err()
            .detail
            .starts_with("added.txt is not in")
    );
    fs::remove_file(out.join("added.txt")).unwrap();
    fs::remove_file(out.join("keep_map.json")).unwrap();
    assert!(
        check(&out, None)
            .unwrap_err()
            .detail
            .starts_with("keep_map.json is missing")
    );
}

/// Checksums alone do not show that the model gives the stated answers.
#[test]
fn a_model_with_other_answers_fails_its_check() {
    let (_folder, out) = result(&Output::usual());
    let path = out.join("verify.json");
    let mut golden: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let logit = &mut golden["rows"][0]["logits"][0];
    *logit = (logit.as_f64().unwrap() + 0.01).into();
    let text = golden.to_string();
    let old = hex::encode(Sha256::digest(fs::read(&path).unwrap()));
    fs::write(&path, &text).unwrap();
    let sums = fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    let sums = sums.replace(&old, &hex::encode(Sha256::digest(&text)));
    fs::write(out.join("SHA256SUMS"), sums).unwrap();
    let failure = check(&out, None).unwrap_err();
    assert!(
        failure.detail.starts_with("the answers differ"),
        "{}",
        failure.detail
    );
}

#[test]
fn the_graph_of_a_result_gives_the_answers_of_its_verify_json() {
    let (_folder, out) = result(&Output::usual());
    let golden: Value =
        serde_json::from_str(&fs::read_to_string(out.join("verify.json")).unwrap()).unwrap();
    let calls = golden["rows"].as_array().unwrap().iter().map(|row| {
        let ids = |name: &str| -> Vec<u32> { serde_json::from_value(row[name].clone()).unwrap() };
        let tokens = ids("input_ids");
        let shape = [1, tokens.len()];
        let logits: Vec<f32> = serde_json::from_value(row["logits"].clone()).unwrap();
        let logits = Tensor::from_vec(logits.clone(), (1, logits.len()), &Device::Cpu).unwrap();
        Call::default()
            .ints("attention_mask", &shape, vec![1; tokens.len()])
            .ints("token_type_ids", &shape, ids("token_type_ids"))
            .ints("input_ids", &shape, tokens)
            .expecting("logits", &logits)
    });
    let calls: Vec<Call> = calls.collect();
    // The folder of a result stays as it is.
    let file = out.with_file_name("model.onnx");
    fs::copy(out.join("model.onnx"), &file).unwrap();
    assert_answers(&[(file, calls)]);
}

/// Returns the library of ONNX Runtime in the Python that `tests/run` installs.
fn library() -> PathBuf {
    let python = std::env::var("OPTIN_TEST_ONNX_PYTHON")
        .expect("OPTIN_TEST_ONNX_PYTHON is set by tests/run; this test needs ONNX Runtime");
    let script = "import glob, onnxruntime.capi as capi; \
                  print(glob.glob(capi.__path__[0] + '/libonnxruntime.so*')[0])";
    let found = Command::new(python).args(["-c", script]).output().unwrap();
    assert!(found.status.success(), "{found:?}");
    String::from_utf8(found.stdout).unwrap().trim().into()
}

/// Runs `optin verify` with a library. Returns its exit code and what it printed.
fn verified(folder: &Path, library: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_optin"));
    command
        .arg("verify")
        .arg(folder)
        .env_remove("ORT_DYLIB_PATH");
    let ended = command.arg("--onnxruntime").arg(library).output().unwrap();
    let printed = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8(printed).unwrap())
}

#[test]
fn the_graph_of_a_result_is_checked_in_onnx_runtime() {
    let (folder, out) = result(&Output::usual());
    let library = library();
    let (code, printed) = verified(&out, &library);
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.contains("those of model.onnx in ONNX Runtime differ by at most"),
        "{printed}"
    );
    let (code, printed) = verified(&out, &out.join("config.json"));
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains("could not load ONNX Runtime from"),
        "{printed}"
    );
    // The graph of another model, with the right checksum.
    let recipe = folder.recipe(0.4);
    run(&folder.places("other"), &recipe, &NoJournal, &Unwatched).unwrap();
    let digest = |path: &Path| hex::encode(Sha256::digest(fs::read(path).unwrap()));
    let graph = out.join("model.onnx");
    let old = digest(&graph);
    fs::copy(folder.root.path().join("other/model.onnx"), &graph).unwrap();
    let sums = fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    fs::write(out.join("SHA256SUMS"), sums.replace(&old, &digest(&graph))).unwrap();
    assert_eq!(check(&out, None).unwrap().onnx_difference, None);
    let (code, printed) = verified(&out, &library);
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("the answers of model.onnx in ONNX Runtime differ from verify.json"),
        "{printed}"
    );
}

#[test]
fn a_result_has_the_formats_that_its_recipe_names() {
    let (folder, out) = result(&[Output::Safetensors]);
    let names = files(&out);
    assert!(!names.contains(&"model.onnx".to_owned()), "{names:?}");
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(!card.contains("ONNX"), "{card}");
    check(&out, None).unwrap();
    let recipe = Recipe {
        outputs: vec![Output::Onnx; 17],
        ..folder.recipe(0.6)
    };
    let failure = recipe.validated().unwrap_err();
    assert_eq!(failure.detail, "outputs has 17 formats; the maximum is 16");
}

#[test]
fn the_report_is_one_page_that_refers_to_no_other_file() {
    let (_folder, out) = result(&Output::usual());
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for part in [
        "What was kept",
        "What the repair mended",
        "Damage along the trajectory",
        "Answers that changed",
        "Other sizes",
        "Speed",
        "<svg",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for reference in ["<script", "src=\"http", "href=", "url(", "@import"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

/// Paths and notes can contain anything.
#[test]
fn names_are_escaped_in_the_report() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.6);
    recipe.model.uri = "file:///<script>alert(1)</script>".to_owned();
    run(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap();
    let page = fs::read_to_string(folder.root.path().join("out/report.html")).unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"));
}

/// `optin export` does not replace files, so an incomplete one would be in the way.
#[test]
fn a_graph_that_cannot_be_written_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut graph = Graph::default();
    let input = graph.input("x", Element::Float, &[Size::Fixed(1)]);
    let weight = Tensor::zeros(1 << 10, DType::F64, &Device::Cpu).unwrap();
    let weight = graph.weight(&weight);
    let sum = graph.apply("Add", &[&input, &weight]);
    graph.output("y", &sum, &[Size::Any("outputs")]);
    let description = Description {
        name: "sum".to_owned(),
        properties: Vec::new(),
    };
    for max_embedded in [0, u64::MAX] {
        write(&graph, &description, &path, max_embedded).unwrap_err();
        assert!(files(folder.path()).is_empty());
    }
}
