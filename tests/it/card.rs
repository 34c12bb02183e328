//! The model card of a pruned model.

use optin::data::reader::Wording;
use optin::model::export::Export;
use optin::prune::inputs::Role;
use optin::prune::report::Report;
use optin::prune::surgery::card::card;
use serde_json::{Map, Value};

use crate::fixture::job::report;
use crate::fixture::task::classes;

#[test]
fn the_card_names_the_device_of_the_measurement() {
    for (device, words) in [("cpu", "ms (one CPU)"), ("cuda", "ms (one GPU)")] {
        let report = Report {
            device: device.to_owned(),
            ..report()
        };
        let wording = Wording {
            input: "text",
            positions: "tokens",
            processor: "tokenizer",
            variable: "tokenizer",
            auto_class: "AutoTokenizer",
            call: "tokenizer(texts, return_tensors=\"np\")",
        };
        let task = classes(&["a", "b"]);
        let export = Export {
            config: Map::new(),
            companions: vec![("modeling.py", "")],
            usage: None,
            left_out: Vec::new(),
        };
        let text = card(&report, task.as_ref(), wording, &export, None);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn the_reports_of_earlier_releases_are_read() {
    let mut document: Value =
        serde_json::from_str(include_str!("../goldens/report/earlier.json")).unwrap();
    let report: Report = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(report.recipe.calibration.max_positions, 131_072);
    let method = report.recipe.method;
    assert_eq!((method.gram_positions, method.answer_weight), (768, 0.1));
    assert_eq!(report.calibration.positions, 11_032);
    assert_eq!(report.inputs[1].role, Role::Processor);
    document.as_object_mut().unwrap().remove("device");
    let report: Report = serde_json::from_value(document).unwrap();
    assert_eq!(report.device, "cpu");
}
