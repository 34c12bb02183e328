//! What an installation without jobs shows.

use maud::{Markup, html};

use crate::dashboard::view::copy::block;

const REQUEST: &str = r#"curl localhost:8080/v1/jobs -H 'Content-Type: application/json' -d '{
  "model":       {"uri": "file:///srv/model"},
  "calibration": {"uri": "file:///srv/train.tsv"},
  "evaluation":  {"uri": "file:///srv/dev.tsv"},
  "target":      {"value": "60%"}
}'"#;

/// How to make the first job.
pub(super) fn guide() -> Markup {
    html! {
        section.empty {
            h2 { "No jobs yet" }
            p { "A job takes a trained model and some of its usual inputs, and makes a smaller model that computes the percentage of the operations that you want to keep." }
            ol.plain {
                li { b { "A model" } " – a folder of Hugging Face or timm with safetensors weights." }
                li { b { "Calibration data" } " – 1,000 to 8,000 rows or images like those that the model sees. Labels are not needed." }
                li { b { "Evaluation data" } " – optional rows with labels. The result then compares both models on them." }
            }
            p { a.button.primary href="/new" { "Make the first job" } }
            details { summary { "With curl" } (block("first", REQUEST)) }
        }
    }
}
