//! Tests of the architecture: allowed imports between modules, and names that must not occur in a module.
//!
//! The message of a violation contains the file and the line.

use proc_macro2::{TokenStream, TokenTree};
use std::path::{Path, PathBuf};

/// A line of source code, without its comment.
struct Line {
    file: String,
    number: usize,
    text: String,
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Adds all Rust files below a folder to `found`.
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

/// Returns the lines of code, without comments, of all files whose path starts with one of these prefixes.
fn code(prefixes: &[&str]) -> Vec<Line> {
    let mut paths = Vec::new();
    files(&source_root(), &mut paths);
    let mut lines = Vec::new();
    for path in paths {
        let file = path
            .strip_prefix(source_root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if !prefixes.iter().any(|prefix| file.starts_with(prefix)) {
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
    assert!(!lines.is_empty(), "no code found in {prefixes:?}");
    lines
}

/// Asserts that these texts do not occur in the code of `prefixes`, except in the files of `except`.
fn assert_absent(prefixes: &[&str], except: &[&str], texts: &[&str]) {
    let violations: Vec<String> = code(prefixes)
        .iter()
        .filter(|line| !except.iter().any(|prefix| line.file.starts_with(prefix)))
        .filter(|line| texts.iter().any(|text| line.text.contains(text)))
        .map(|line| format!("src/{}:{}: {}", line.file, line.number, line.text))
        .collect();
    assert!(
        violations.is_empty(),
        "{texts:?} must not occur in {prefixes:?}:\n{}",
        violations.join("\n")
    );
}

/// Returns the modules of this crate that a module imports, each with the file and the line.
fn imports(module: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in code(&[module]) {
        for part in line.text.split("crate::").skip(1) {
            // This simple parser does not see the parts of `use crate::{a, b}`.
            assert!(
                !part.starts_with('{'),
                "src/{}:{}: write a separate `use crate::` line for each module",
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

const CORE: &[&str] = &[
    "file_name",
    "unique_json.rs",
    "checkpoint",
    "onnx",
    "model",
    "data",
    "answer",
    "quantity.rs",
    "statistics.rs",
    "prune",
];

#[test]
fn modules_import_only_the_allowed_modules() {
    let allowed: &[(&str, &[&str])] = &[
        ("checkpoint/", &["unique_json"]),
        ("unique_json.rs", &[]),
        ("onnx/", &["file_name"]),
        ("model/", &["checkpoint", "onnx"]),
        ("data/", &["model", "checkpoint", "unique_json"]),
        ("answer/", &["data", "checkpoint", "statistics", "quantity"]),
        ("quantity.rs", &[]),
        ("statistics.rs", &[]),
        (
            "prune/",
            &[
                "answer",
                "model",
                "data",
                "checkpoint",
                "onnx",
                "quantity",
                "statistics",
                "file_name",
            ],
        ),
        ("file_name.rs", &[]),
        // Modules may count their failures, so telemetry itself imports no other module.
        ("artifact/", &["file_name", "telemetry"]),
        ("telemetry/", &[]),
        (
            "job/",
            &["prune", "artifact", "model", "file_name", "sealing"],
        ),
        ("sealing.rs", &[]),
        ("signature.rs", &["file_name"]),
        (
            "worker/",
            &[
                "job",
                "artifact",
                "prune",
                "model",
                "data",
                "checkpoint",
                "file_name",
                "signature",
                "telemetry",
            ],
        ),
        (
            "api/",
            &[
                "job",
                "artifact",
                "prune",
                "answer",
                "model",
                "file_name",
                "unique_json",
                "telemetry",
            ],
        ),
        // The dashboard is a client of the API: of the crate, it uses only types that responses contain, and modules
        // that import no other one.
        ("dashboard/", &["job", "prune", "quantity", "sealing"]),
        (
            "config/",
            &[
                "api",
                "worker",
                "artifact",
                "job",
                "telemetry",
                "prune",
                "signature",
            ],
        ),
    ];
    for (prefix, allowed) in allowed {
        let own = prefix.trim_end_matches('/');
        for (module, at) in imports(prefix) {
            assert!(
                module == own || allowed.contains(&module.as_str()),
                "{at}: {own} must not import {module}"
            );
        }
    }
}

#[test]
fn the_data_module_imports_only_inputs_of_the_model_module() {
    for line in code(&["data/"]) {
        if let Some((_, path)) = line.text.split_once("crate::model::") {
            let inputs = ["batch", "extent", "hidden"];
            assert!(
                inputs.iter().any(|module| path.starts_with(module)),
                "src/{}:{}: {}",
                line.file,
                line.number,
                line.text
            );
        }
    }
}

#[test]
fn the_dashboard_imports_only_types_that_responses_of_the_api_contain() {
    let types = [
        "job::State",
        "job::key::KeyScope",
        "job::webhook::Topic",
        "prune::failure::Code",
        "prune::report::",
        "prune::stage::Stage",
    ];
    for line in code(&["dashboard/"]) {
        for path in line.text.split("crate::").skip(1) {
            let allowed = types.iter().any(|allowed| path.starts_with(allowed));
            // The last two import no other module.
            let own = ["dashboard::", "quantity::", "sealing::"];
            assert!(
                allowed || own.iter().any(|own| path.starts_with(own)),
                "src/{}:{}: {}",
                line.file,
                line.number,
                line.text
            );
        }
    }
}

#[test]
fn the_core_does_not_depend_on_the_service() {
    assert_absent(
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
    assert_absent(
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
fn the_pruning_method_does_not_name_an_architecture() {
    assert_absent(
        &["prune"],
        &[],
        &["bert", "Bert", "BERT", "vit::", "swin", "resnet"],
    );
}

/// Returns the identifiers of some code with their lines.
fn identifiers(tokens: TokenStream) -> Vec<(String, usize)> {
    let found = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(name) => vec![(name.to_string(), name.span().start().line)],
        TokenTree::Group(group) => identifiers(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => Vec::new(),
    });
    found.flatten().collect()
}

/// Returns the words of an identifier in snake case or camel case, in lower case.
fn words(identifier: &str) -> Vec<String> {
    let mut spaced = String::new();
    for sign in identifier.chars() {
        if sign.is_uppercase() {
            spaced.push(' ');
        }
        spaced.extend(sign.to_lowercase());
    }
    spaced.split([' ', '_']).map(str::to_owned).collect()
}

/// The pruning method deals with positions, inputs and answers. Tokens, texts and logits are one case of them.
#[test]
fn the_pruning_method_does_not_name_a_kind_of_input_or_answer() {
    assert_eq!(words("gram_tokens"), ["gram", "tokens"]);
    assert!(words("PaperLogits").contains(&"logits".to_owned()));
    let mut paths = Vec::new();
    files(&source_root().join("prune"), &mut paths);
    for path in paths {
        let tokens = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for (identifier, line) in identifiers(tokens) {
            for word in words(&identifier) {
                let kinds = ["token", "tokens", "ids", "text", "texts", "logit", "logits"];
                assert!(
                    !kinds.contains(&word.as_str()),
                    "{}:{line}: {identifier}",
                    path.display()
                );
            }
        }
    }
}

/// Units are scored, selected and removed by their numbers, their columns and their costs.
#[test]
fn no_kind_of_unit_decides_how_a_model_is_pruned() {
    // The document `keep_map.json` names the kind of each group's units.
    let document = "prune/search/keep_map.rs";
    assert_absent(&["prune"], &[document], &["UnitKind"]);
    assert_absent(
        &[
            "prune/audit",
            "prune/compensate",
            "prune/score",
            "prune/search",
            "prune/surgery",
        ],
        // The surgery of a folder reads the kind of an input/output error.
        &[document, "prune/surgery/folder.rs"],
        &[".kind"],
    );
}

#[test]
fn each_external_dependency_is_used_in_one_module_only() {
    let service = &[
        "api",
        "artifact",
        "cli",
        "config",
        "dashboard",
        "job",
        "telemetry",
        "worker",
        "main.rs",
    ];
    assert_absent(
        service,
        &["job/store"],
        &["sqlx", "SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"],
    );
    assert_absent(service, &["artifact"], &["object_store"]);
    assert_absent(service, &["api", "cli", "dashboard"], &["axum"]);
    assert_absent(service, &["api", "cli"], &["utoipa"]);
    assert_absent(service, &["dashboard"], &["maud"]);
    assert_absent(service, &["config", "main.rs"], &["std::env", "env::var"]);
    // Object keys are built in one file only.
    assert_absent(service, &["artifact/key.rs"], &["format!(\"jobs/"]);
}

#[test]
fn module_names_are_specific() {
    let mut paths = Vec::new();
    files(&source_root(), &mut paths);
    for path in paths {
        for part in path.strip_prefix(source_root()).unwrap().components() {
            let name = part.as_os_str().to_string_lossy();
            let name = name.trim_end_matches(".rs");
            assert!(
                !["util", "utils", "common", "helpers", "types", "misc"].contains(&name),
                "{}: the name is too general",
                path.display()
            );
        }
    }
}

#[test]
fn files_are_short_and_start_with_module_documentation() {
    let mut paths = Vec::new();
    files(&source_root(), &mut paths);
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} does not start with module documentation (//!)",
            path.display()
        );
        let lines = text.lines().count();
        assert!(
            lines <= 400,
            "{} has {lines} lines, the limit is 400",
            path.display()
        );
        for marker in ["TODO", "FIXME", "XXX", "#[allow(", "#[ignore"] {
            assert!(
                !text.contains(marker),
                "{} contains {marker}",
                path.display()
            );
        }
    }
}
