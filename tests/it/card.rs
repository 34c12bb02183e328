//! The model card of a pruned model.

use optin::prune::report::Report;
use optin::prune::surgery::card::card;
use serde_json::Value;

use crate::fixture::job::report;
use crate::fixture::task::classes;

#[test]
fn the_card_names_the_device_of_the_measurement() {
    for (device, words) in [("cpu", "ms (one CPU)"), ("cuda", "ms (one GPU)")] {
        let report = Report {
            device: device.to_owned(),
            ..report()
        };
        let text = card(&report, classes(&["a", "b"]).as_ref(), &["modeling.py"]);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn the_device_of_a_report_of_an_earlier_release_is_the_cpu() {
    let mut document: Value = serde_json::to_value(report()).unwrap();
    document.as_object_mut().unwrap().remove("device");
    let report: Report = serde_json::from_value(document).unwrap();
    assert_eq!(report.device, "cpu");
}
