//! The house keeps its shape: who may import whom, and what must never be named where.
//!
//! Each rule is a negative sentence; a violation names the file and the line.

use std::path::{Path, PathBuf};

struct Line {
    file: String,
    number: usize,
    text: String,
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Lines of code, without comments, of all files whose path begins with one of these.
fn code(places: &[&str]) -> Vec<Line> {
    let mut paths = Vec::new();
    files(&source_root(), &mut paths);
    let mut lines = Vec::new();
    for path in paths {
        let file = path
            .strip_prefix(source_root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if !places.iter().any(|place| file.starts_with(place)) {
            continue;
        }
        for (index, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let text = line
                .split("//")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            if !text.is_empty() {
                lines.push(Line {
                    file: file.clone(),
                    number: index + 1,
                    text,
                });
            }
        }
    }
    assert!(!lines.is_empty(), "no code under {places:?}");
    lines
}

fn never(places: &[&str], except: &[&str], what: &[&str]) {
    let wrong: Vec<String> = code(places)
        .iter()
        .filter(|line| !except.iter().any(|place| line.file.starts_with(place)))
        .filter(|line| what.iter().any(|what| line.text.contains(what)))
        .map(|line| format!("src/{}:{}: {}", line.file, line.number, line.text))
        .collect();
    assert!(
        wrong.is_empty(),
        "{what:?} must not stand in {places:?}:\n{}",
        wrong.join("\n")
    );
}

/// Modules of ours that a place uses.
fn imports(place: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in code(&[place]) {
        for part in line.text.split("crate::").skip(1) {
            // `use crate::{a, b}` would hide its parts from this reader.
            assert!(
                !part.starts_with('{'),
                "src/{}:{}: one `use crate::` a module, please",
                line.file,
                line.number
            );
            let name = part
                .split(|sign: char| !sign.is_alphanumeric() && sign != '_')
                .next()
                .unwrap_or_default();
            found.push((
                name.to_owned(),
                format!("src/{}:{}", line.file, line.number),
            ));
        }
    }
    found
}

const CORE: &[&str] = &["checkpoint", "model", "data", "prune"];

#[test]
fn modules_import_only_what_the_map_allows() {
    let allowed: &[(&str, &[&str])] = &[
        ("checkpoint/", &[]),
        ("model/", &["checkpoint"]),
        ("data/", &["model", "checkpoint"]),
        ("prune/", &["model", "data", "checkpoint"]),
        // Whoever fails may count it: telemetry knows nobody.
        ("artifact/", &["telemetry"]),
        ("telemetry/", &[]),
        ("job/", &["prune", "artifact", "model"]),
        (
            "worker/",
            &[
                "job",
                "artifact",
                "prune",
                "model",
                "data",
                "checkpoint",
                "telemetry",
            ],
        ),
        ("api/", &["job", "artifact", "prune", "model", "telemetry"]),
        (
            "config/",
            &["api", "worker", "artifact", "job", "telemetry", "prune"],
        ),
    ];
    for (place, allowed) in allowed {
        let own = place.trim_end_matches('/');
        for (module, at) in imports(place) {
            assert!(
                module == own || allowed.contains(&module.as_str()),
                "{at}: {own} must not import {module}"
            );
        }
    }
}

#[test]
fn data_sees_only_batches_of_the_model() {
    for line in code(&["data/"]) {
        if let Some((_, path)) = line.text.split_once("crate::model::") {
            assert!(
                path.starts_with("batch"),
                "src/{}:{}: {}",
                line.file,
                line.number,
                line.text
            );
        }
    }
}

#[test]
fn the_core_never_sees_the_service() {
    never(
        CORE,
        &[],
        &[
            "tokio",
            "axum",
            "utoipa",
            "sqlx",
            "object_store",
            "reqwest",
            "hyper",
        ],
    );
    never(
        CORE,
        &[],
        &[
            "std::env",
            "env::var",
            "SystemTime",
            "jiff",
            "println!",
            "eprintln!",
            "print!(",
        ],
    );
}

#[test]
fn the_method_never_names_an_architecture() {
    never(
        &["prune"],
        &[],
        &["bert", "Bert", "BERT", "vit::", "swin", "resnet"],
    );
}

#[test]
fn each_outside_thing_is_known_in_one_place_only() {
    let everywhere = &[
        "api",
        "artifact",
        "cli",
        "config",
        "job",
        "telemetry",
        "worker",
        "main.rs",
    ];
    never(
        everywhere,
        &["job/store"],
        &["sqlx", "SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"],
    );
    never(everywhere, &["artifact"], &["object_store"]);
    never(everywhere, &["api", "cli"], &["axum", "utoipa"]);
    never(
        everywhere,
        &["config", "main.rs"],
        &["std::env", "env::var"],
    );
    // Object keys are made in one file.
    never(everywhere, &["artifact/key.rs"], &["format!(\"jobs/"]);
}

#[test]
fn no_module_is_called_after_nothing() {
    let mut paths = Vec::new();
    files(&source_root(), &mut paths);
    for path in paths {
        for part in path.strip_prefix(source_root()).unwrap().components() {
            let name = part.as_os_str().to_string_lossy();
            let name = name.trim_end_matches(".rs");
            assert!(
                !["util", "utils", "common", "helpers", "types", "misc"].contains(&name),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn files_stay_small_and_open_with_their_purpose() {
    let mut paths = Vec::new();
    files(&source_root(), &mut paths);
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} does not say what it is for",
            path.display()
        );
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
        for marker in ["TODO", "FIXME", "XXX", "#[allow(", "#[ignore"] {
            assert!(!text.contains(marker), "{} holds {marker}", path.display());
        }
    }
}
