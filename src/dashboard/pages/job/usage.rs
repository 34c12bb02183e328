//! How to open the result.

use maud::{Markup, html};

use crate::dashboard::view::copy::block;

/// An example in a model card.
pub(super) struct Example {
    /// The library that it uses.
    library: String,
    /// Python code.
    code: String,
}

pub(super) fn usage(examples: &[Example]) -> Markup {
    html! {
        @if !examples.is_empty() {
            section #usage {
                h2 { "Open the result" }
                p.faint { "Download all files into one folder. The model card " code { "README.md" } " explains the examples." }
                div.examples { @for (index, example) in examples.iter().enumerate() {
                    div { h3 { (example.library) } (block(&format!("usage-{index}"), &example.code)) }
                } }
            }
        }
    }
}

/// The examples in a model card: the first block of Python in each section whose heading begins with "Use".
pub(super) fn examples(card: &str) -> Vec<Example> {
    let library = card
        .lines()
        .find_map(|line| line.strip_prefix("library_name: "));
    let sections = card.split("\n## ").skip(1);
    let examples = sections.filter_map(|section| {
        let (heading, rest) = section.strip_prefix("Use")?.split_once('\n')?;
        let (_, rest) = rest.split_once("```python\n")?;
        let (code, _) = rest.split_once("\n```")?;
        Some(Example {
            library: match heading.strip_prefix(" in ") {
                Some(library) => library.to_owned(),
                None => library.unwrap_or("Python").to_owned(),
            },
            code: code.trim().to_owned(),
        })
    });
    examples.collect()
}

#[cfg(test)]
mod tests {
    use super::examples;

    #[test]
    fn each_section_of_use_has_an_example() {
        let card = "---\nlibrary_name: transformers\n---\n# Pruned\n\n## Use\n\n```python\nfrom transformers import X\n```\n\ntext\n\
                    \n## Use in ONNX Runtime\n\n```python\nimport onnxruntime\n```\n\n## Notes\n\n```python\nno\n```\n";
        let found = examples(card);
        let found: Vec<_> = found
            .iter()
            .map(|example| (example.library.as_str(), example.code.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("transformers", "from transformers import X"),
                ("ONNX Runtime", "import onnxruntime")
            ]
        );
        assert!(examples("# Model\n\n## Use\n\nno code\n").is_empty());
    }
}
