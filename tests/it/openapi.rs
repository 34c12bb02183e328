//! `openapi.yaml` is what the router serves. `UPDATE_OPENAPI=1` rewrites it.

use std::path::Path;

#[test]
fn the_committed_document_is_the_served_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.yaml");
    let served = optin::api::openapi().to_yaml().unwrap();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &served).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == served,
        "openapi.yaml differs from the router; run UPDATE_OPENAPI=1 cargo test openapi and commit it"
    );
}

#[test]
fn every_operation_has_a_name_a_tag_and_an_answer_for_problems() {
    let document = serde_json::to_value(optin::api::openapi()).unwrap();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(
                operation["operationId"].is_string() && operation["tags"][0].is_string(),
                "{at}"
            );
            assert!(operation["summary"].is_string(), "{at}");
            assert!(
                operation["responses"]["default"]["content"]["application/problem+json"]
                    .is_object(),
                "{at}"
            );
            operations += 1;
        }
    }
    assert_eq!(operations, 34);
}
