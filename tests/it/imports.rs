//! Imports run one way: no file of the source code imports itself through other files.
//!
//! A file imports another one by a `use` declaration or by a path in the code, also in a macro call. The path leads to
//! the file of the last module that it names: `crate::job::store::JobStore` leads to `job/store/mod.rs`, even if that
//! file re-exports the item. The declaration of a module (`mod store;`) is no import, but `pub use store::Item;` is one.

mod source;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use source::{Graph, Source};

/// The top-level modules whose files must not import each other in a circle.
const MODULES: &[&str] = &[
    "answer",
    "api",
    "artifact",
    "checkpoint",
    "cli",
    "config",
    "dashboard",
    "data",
    "file_name",
    "guide",
    "job",
    "model",
    "prune",
    "statistics",
    "telemetry",
    "worker",
];

/// Returns the shortest way from a file to another one along the imports, without the first file.
fn way(graph: &Graph, from: &str, to: &str) -> Option<Vec<String>> {
    let mut reached: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = VecDeque::from([from]);
    while let Some(file) = next.pop_front() {
        for target in graph.get(file).into_iter().flat_map(BTreeMap::keys) {
            if !reached.contains_key(target.as_str()) {
                reached.insert(target, file);
                next.push_back(target);
            }
        }
    }
    let mut way = vec![to.to_owned()];
    let mut at = *reached.get(to)?;
    while at != from {
        way.push(at.to_owned());
        at = reached[at];
    }
    way.reverse();
    Some(way)
}

/// Returns the shortest circle through each file that is part of one, without circles through the same files.
fn circles(graph: &Graph) -> Vec<String> {
    let mut shown = BTreeSet::new();
    let mut circles = Vec::new();
    for file in graph.keys() {
        let Some(way) = way(graph, file, file) else {
            continue;
        };
        let mut files = way.clone();
        files.sort_unstable();
        if !shown.insert(files) {
            continue;
        }
        let mut from = file;
        let mut text = String::new();
        for to in &way {
            text.push_str(&format!(
                "\n  src/{from}:{} imports src/{to}",
                graph[from][to]
            ));
            from = to;
        }
        circles.push(text);
    }
    circles
}

/// Adds the Rust files below a folder, with their path relative to `root`.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.insert(name.to_owned(), std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn imports_between_files_form_no_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    collect(&root, &root, &mut files);
    // The binary is a crate of its own.
    files.remove("main.rs");
    let source = Source::read(
        files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str())),
    );
    let graph = source.graph(MODULES);
    for module in MODULES {
        let prefix = |file: &String| {
            file.starts_with(&format!("{module}/")) || *file == format!("{module}.rs")
        };
        assert!(files.keys().any(prefix), "there is no module {module}");
    }
    let imports: usize = graph.values().map(BTreeMap::len).sum();
    assert!(imports > 500, "only {imports} imports found");
    let circles = circles(&graph);
    assert!(
        circles.is_empty(),
        "{} circles of imports; move an item to the file of its own subject, and import it from there:{}",
        circles.len(),
        circles.join("\n")
    );
}

/// A small crate, as paths and texts of its files.
const SAMPLE: [(&str, &str); 6] = [
    ("lib.rs", "pub mod a;\npub mod b;"),
    (
        "a/mod.rs",
        "mod inner;
         pub use inner::Item;
         use crate::b::{self, deep as renamed};
         pub(in crate::b) struct Own(b::Thing);
         fn call() { renamed::run() }",
    ),
    (
        "a/inner.rs",
        "use std::fmt;
         fn local() { use super::super::b::*; fmt::Result; ::b::deep::run(); <T as Trait>::b::x }
         mod tests { use super::local; use super::super::sibling::X; }",
    ),
    (
        "a/sibling.rs",
        "check!(crate::b::deep::run(), super::Own, self::inner::x, b::y);",
    ),
    ("b/mod.rs", "pub mod deep;"),
    (
        "b/deep.rs",
        "// crate::a::inner\nconst TEXT: &str = \"crate::a\"; fn run(value: crate::a::Item) {}",
    ),
];

#[test]
fn imports_are_resolved_like_the_compiler_does() {
    let graph = Source::read(SAMPLE).graph(&["a", "b"]);
    let mut found = Vec::new();
    for (from, targets) in &graph {
        found.extend(
            targets
                .iter()
                .map(|(to, line)| format!("{from}:{line} {to}")),
        );
    }
    assert_eq!(
        found,
        [
            "a/inner.rs:3 a/sibling.rs",
            "a/inner.rs:2 b/mod.rs",
            "a/mod.rs:2 a/inner.rs",
            "a/mod.rs:3 b/deep.rs",
            "a/mod.rs:3 b/mod.rs",
            "a/sibling.rs:1 a/mod.rs",
            "a/sibling.rs:1 b/deep.rs",
            "b/deep.rs:2 a/mod.rs",
        ]
    );
    let circles = circles(&graph);
    let shortest = "
  src/a/mod.rs:3 imports src/b/deep.rs
  src/b/deep.rs:2 imports src/a/mod.rs";
    assert!(
        circles.iter().any(|circle| circle == shortest),
        "{circles:?}"
    );
    assert_eq!(self::circles(&Source::read(SAMPLE).graph(&["b"])), [""; 0]);
}
