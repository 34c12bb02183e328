//! Tests of the OpenAPI document. `UPDATE_OPENAPI=1` rewrites `openapi.yaml`.

use optin::data::label;
use optin::data::text::columns;
use serde_json::json;
use std::path::Path;

use crate::fixture::task;

#[test]
fn the_committed_document_equals_the_served_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.yaml");
    let served = optin::api::yaml(&optin::api::openapi());
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
fn every_operation_has_an_id_a_tag_a_summary_and_problem_responses() {
    let document = optin::api::openapi();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(
                operation["operationId"].is_string() && operation["tags"][0].is_string(),
                "{at}"
            );
            assert!(operation["summary"].is_string(), "{at}");
            for range in ["4XX", "5XX"] {
                let problem = &operation["responses"][range]["content"]["application/problem+json"];
                assert!(problem.is_object(), "{at}");
            }
            operations += 1;
        }
    }
    assert_eq!(operations, 46);
}

#[test]
fn summaries_are_sentences_that_start_with_a_verb() {
    let document = optin::api::openapi();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap();
            let verb = summary.split(' ').next().unwrap();
            assert!(
                summary.ends_with('.') && verb.ends_with('s'),
                "{method} {path}: \"{summary}\" must start with a verb in the third person and end with a period"
            );
            assert!(operation["description"].is_string(), "{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(
                    parameter["description"].is_string(),
                    "{method} {path}: {parameter}"
                );
            }
        }
    }
}

/// Client generators treat a property with a default as one that is always present.
#[test]
fn no_property_has_a_default_and_file_contents_are_binary() {
    let document = optin::api::openapi();
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["CreateJob"]["required"],
        serde_json::json!(["model", "calibration", "target"])
    );
    for (name, schema) in schemas.as_object().unwrap() {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["default"].is_null(), "{name}.{field}");
        }
        assert!(!name.ends_with("Body"), "{name}");
    }
    let binary = serde_json::json!({"type": "string", "format": "binary"});
    let paths = &document["paths"];
    let put = &paths["/v1/blobs/uploads/{tenant}/{id}"]["put"]["requestBody"]["content"];
    assert_eq!(put["application/octet-stream"]["schema"], binary);
    for path in [
        "/v1/blobs/jobs/{job}/{attempt}/{name}",
        "/v1/jobs/{id}/artifacts/{name}",
    ] {
        let get = &paths[path]["get"]["responses"]["200"]["content"];
        assert_eq!(get["application/octet-stream"]["schema"], binary, "{path}");
    }
}

/// The report of a job is `report.json`. Its schema is derived from the type that is serialized.
#[test]
fn the_schema_of_the_report_describes_all_its_fields() {
    let document = optin::api::openapi();
    let schemas = &document["components"]["schemas"];
    let report = serde_json::to_value(crate::fixture::job::report()).unwrap();
    let mut names = Vec::new();
    check_schema(&report, &schemas["Report"], schemas, "report", &mut names);
    assert!(names.len() > 40, "{names:?}");
}

/// Checks that the schema has every field of the value, and that the value has every required property.
///
/// Adds the paths of the checked fields to `names`.
fn check_schema(
    value: &serde_json::Value,
    schema: &serde_json::Value,
    schemas: &serde_json::Value,
    at: &str,
    names: &mut Vec<String>,
) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        assert!(schemas[name].is_object(), "{at}: {reference}");
        return check_schema(value, &schemas[name], schemas, at, names);
    }
    if let Some(choices) = schema["anyOf"].as_array()
        && !value.is_null()
    {
        return check_schema(value, &choices[0], schemas, at, names);
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(
            value.get(required.as_str().unwrap()).is_some(),
            "{at}: {required}"
        );
    }
    for (field, part) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{field}");
        let schema = &schema["properties"][field];
        assert!(schema.is_object(), "{at} has no schema");
        check_schema(part, schema, schemas, &at, names);
        names.push(at);
    }
    for item in value.as_array().into_iter().flatten() {
        check_schema(item, &schema["items"], schemas, at, names);
    }
}

#[test]
fn the_description_of_the_columns_lists_all_detected_names() {
    let document = optin::api::openapi();
    let description = &document["components"]["schemas"]["ColumnMapping"]["description"];
    let description = description.as_str().unwrap();
    let texts = columns::TEXTS.iter();
    let texts = texts
        .flat_map(|(text, pair)| [Some(*text), *pair])
        .flatten();
    let tokens = task::task(json!({"architectures": ["BertForTokenClassification"]}));
    let maps = task::pixels(&["a", "b"]);
    let labels = [label::COLUMNS, tokens.columns(), maps.columns()].concat();
    let lists = [columns::WORDS, &labels].concat();
    for name in texts.chain(lists) {
        assert!(
            description.contains(&format!("`{name}`")),
            "{name}: {description}"
        );
    }
}
