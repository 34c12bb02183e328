//! The model card (`README.md`) of a pruned model: description, cost, and kept units.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::answer::task::Answer;
use crate::data::reader::Wording;
use crate::model::export::{Export, Usage};
use crate::prune::recipe::Output;
use crate::prune::report::{BeforeAfter, Report};
use crate::prune::surgery::onnx;

/// Returns the model card as Markdown. `pictures` is the file with the pictures of both models' answers, if there is one.
#[must_use]
pub fn card(
    report: &Report,
    answer: &dyn Answer,
    wording: Wording,
    export: &Export,
    pictures: Option<&str>,
) -> String {
    let mut card = String::new();
    // Writing to a string cannot fail.
    let _ = write_card(&mut card, report, answer, wording, export, pictures);
    card
}

fn write_card(
    card: &mut String,
    report: &Report,
    answer: &dyn Answer,
    wording: Wording,
    export: &Export,
    pictures: Option<&str>,
) -> std::fmt::Result {
    let size = &report.size;
    writeln!(
        card,
        "---\nlibrary_name: {}\npipeline_tag: {}\ntags: [pruned, optin]\n---\n",
        export.usage.map_or("transformers", |usage| usage.library),
        answer.task().head(wording.input).pipeline
    )?;
    writeln!(
        card,
        "# Pruned {} at {:.1} % of its FLOPs\n",
        report.architecture,
        100.0 * report.kept
    )?;
    writeln!(
        card,
        "Pruned in one shot, without retraining, by optin {} (OPTIN: Khaki & Plataniotis, \"The Need for Speed: Pruning\n\
         Transformers with One Recipe\", ICLR 2024){}.\n",
        report.optin_version,
        if report.compensation.is_empty() {
            ""
        } else {
            ", then repaired by least squares on unlabeled rows"
        }
    )?;
    writeln!(card, "| | original | this model | |\n|---|---:|---:|---:|")?;
    let counts = |size: BeforeAfter<u64>| {
        format!(
            "| {} | {} | {:.1} % |",
            size.before,
            size.after,
            100.0 * size.after as f64 / size.before.max(1) as f64
        )
    };
    let field = |of: fn(&crate::prune::report::Size) -> u64| BeforeAfter {
        before: of(&size.before),
        after: of(&size.after),
    };
    writeln!(
        card,
        "| MACs per row (on average {:.1} {}) {}",
        report.calibration.mean_length,
        wording.positions,
        counts(field(|size| size.macs))
    )?;
    for part in &report.parts {
        writeln!(card, "| of these, `{}` {}", part.part, counts(part.macs))?;
    }
    writeln!(
        card,
        "| parameters {}",
        counts(field(|size| size.parameters))
    )?;
    writeln!(
        card,
        "| bytes of weights {}",
        counts(field(|size| size.bytes))
    )?;
    let evaluation = report.evaluation.iter();
    let metrics = evaluation.flat_map(|own| own.metrics().map(move |metric| (metric, own.rows)));
    for (metric, rows) in metrics {
        writeln!(
            card,
            "| {} on {} held-out rows | {:.4} ± {:.4} | {:.4} ± {:.4} | {:+.4} |",
            metric.metric,
            rows,
            metric.score.before,
            metric.standard_error.before,
            metric.score.after,
            metric.standard_error.after,
            metric.score.after - metric.score.before,
        )?;
    }
    for latency in report.latencies() {
        writeln!(
            card,
            "| forward pass of {} x {} {}, ms ({}) | {:.2} | {:.2} | {:.2}x faster |",
            latency.batch,
            latency.length,
            wording.positions,
            match report.device.as_str() {
                "cuda" => "one GPU",
                _ => "one CPU",
            },
            latency.median_ms.before,
            latency.median_ms.after,
            latency.speedup
        )?;
    }
    writeln!(card)?;
    if let Some(name) = pictures {
        writeln!(
            card,
            "![Answers of both models]({name})\n\nFrom left to right: the image, the classes by the original, the classes by this model, and in red the pixels\n\
             whose classes differ. The images are from the data of the job, evenly spaced. Delete `{name}` if you may not\n\
             pass them on.\n"
        )?;
    }
    match export.usage {
        Some(usage) => write_usage(card, usage, export)?,
        None => write_usage_in_transformers(card, answer, wording, export)?,
    }
    if report.recipe.outputs.contains(&Output::Onnx) {
        write_usage_in_onnx(card, answer, wording, export.usage)?;
    }
    if report.recipe.outputs.contains(&Output::OnnxInt8) {
        writeln!(
            card,
            "`{}` has weights of 8 bits and rounds the inputs of linear maps to 8 bits in each call. Its answers differ slightly.\n\
             This report does not measure them.\n",
            onnx::INT8_NAME
        )?;
    }
    if !report.notes.is_empty() {
        writeln!(card, "## Notes\n")?;
        for note in &report.notes {
            writeln!(card, "- {note}")?;
        }
        writeln!(card)?;
    }
    writeln!(
        card,
        "## Kept\n\n| group | kept | of | heads |\n|---|---:|---:|---:|"
    )?;
    for group in &report.groups {
        let heads = group.heads.map_or_else(String::new, |heads| {
            format!("{} of {}", heads.after, heads.before)
        });
        writeln!(
            card,
            "| `{}` | {} | {} | {heads} |",
            group.group, group.kept, group.width
        )?;
    }
    writeln!(
        card,
        "\n`keep_map.json` lists the kept units by their indices in the original. `report.json` contains all figures."
    )?;
    if let Some(reproducibility) = &report.reproducibility {
        writeln!(
            card,
            "\nReproducibility hash: `{}`. Jobs with the same hash give the same model files, bit for bit.",
            reproducibility.hash
        )?;
    }
    Ok(())
}

fn write_usage(card: &mut String, usage: Usage, export: &Export) -> std::fmt::Result {
    writeln!(
        card,
        "## Use\n\n```python\n{}\n```\n\n`verify.json` contains inputs and the logits that the model must return for them.\n",
        usage.code
    )?;
    write_digests(card, export)
}

fn write_usage_in_onnx(
    card: &mut String,
    answer: &dyn Answer,
    wording: Wording,
    usage: Option<Usage>,
) -> std::fmt::Result {
    let (name, outputs) = (onnx::NAME, answer.task().outputs);
    writeln!(
        card,
        "## Use in ONNX Runtime\n\n```python\nimport onnxruntime"
    )?;
    if usage.is_none() {
        writeln!(
            card,
            "from transformers import {class}\n\n{} = {class}.from_pretrained(\"path/to/this/folder\")",
            wording.variable,
            class = wording.auto_class
        )?;
    }
    writeln!(
        card,
        "session = onnxruntime.InferenceSession(\"path/to/this/folder/{name}\")"
    )?;
    match usage {
        // The libraries of these folders have no processor that returns arrays.
        Some(_) => writeln!(
            card,
            "inputs = {{\"pixel_values\": pixels}}  # preprocessed images: float32, [images, channels, height, width]"
        )?,
        None => writeln!(card, "inputs = {}", wording.call)?,
    }
    writeln!(
        card,
        "{} = session.run({outputs:?}, dict(inputs)){}\n```\n\n\
         `{name}` computes the same in float32, with standard operators and without code of this folder. Its properties name the\n\
         task and the labels.\n",
        outputs.join(", "),
        if outputs.len() == 1 { "[0]" } else { "" },
    )
}

/// Writes the digests of the Python files, with which a reader can check that they are those of this version.
fn write_digests(card: &mut String, export: &Export) -> std::fmt::Result {
    writeln!(
        card,
        "The folder contains no other code, and its configuration names none. Before you run the code, compare its digest:\n\n\
         | file | SHA-256 |\n|---|---|"
    )?;
    for (name, content) in &export.companions {
        let sha256 = hex::encode(Sha256::digest(content));
        writeln!(card, "| `{name}` | `{sha256}` |")?;
    }
    writeln!(card)
}

fn write_usage_in_transformers(
    card: &mut String,
    answer: &dyn Answer,
    wording: Wording,
    export: &Export,
) -> std::fmt::Result {
    let class = answer.task().head(wording.input).auto_class();
    writeln!(
        card,
        "## Use\n\n```python\nfrom transformers import {class}, {}\n",
        wording.auto_class
    )?;
    writeln!(
        card,
        "model = {class}.from_pretrained(\"path/to/this/folder\", trust_remote_code=True)"
    )?;
    writeln!(
        card,
        "{} = {}.from_pretrained(\"path/to/this/folder\")\n```\n",
        wording.variable, wording.auto_class
    )?;
    let companions = export.companions.iter().map(|(name, _)| *name);
    writeln!(
        card,
        "`trust_remote_code` allows transformers to run `{}` from this folder. The code is needed because the\n\
         layers have different widths, which the built-in classes do not support. Without it, transformers uses the\n\
         built-in class, which fails with \"size mismatch\". Configuration and {} do not need it.\n\
         `verify.json` contains inputs and the logits that the model must return for them.\n",
        companions.collect::<Vec<_>>().join("`, `"),
        wording.processor
    )?;
    write_digests(card, export)
}
