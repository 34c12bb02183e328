//! Schemas of documents that other modules define: the report of a job and the body of a webhook delivery.
//!
//! Their types derive [`schemars::JsonSchema`], so the core needs to know nothing of OpenAPI.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOfBuilder, RefBuilder, SchemaFormat, Type,
};
use utoipa::openapi::{Object, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::enumeration::words;
use crate::job::webhook::Payload;
use crate::prune::report::Report;

/// Where component schemas are, for `$ref`.
const COMPONENTS: &str = "#/components/schemas/";

/// Adds the documents of other modules to the components.
pub(super) fn add(document: &mut Value) {
    for (prefix, name, schema) in [
        ("Report", "Report", generated::<Report>()),
        ("Webhook", "WebhookEvent", generated::<Payload>()),
    ] {
        let schemas = &mut document["components"]["schemas"];
        for (part, schema) in components(prefix, name, schema, schemas) {
            schemas[part] = schema;
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.sort_keys();
    }
}

/// A job's report, or null.
pub(in crate::api) fn report() -> RefOr<Schema> {
    let null = Object::with_type(Type::Null);
    let one = OneOfBuilder::new()
        .item(null)
        .item(Ref::from_schema_name("Report"));
    RefOr::T(Schema::OneOf(
        one.description(Some(
            "The report of the job, as in the artifact `report.json`. Null unless the job has succeeded.",
        ))
        .build(),
    ))
}

/// The body of a webhook delivery.
pub(in crate::api) fn webhook_event() -> RefOr<Schema> {
    described("WebhookEvent", "JSON body of the delivery.")
}

/// The type of the event of a delivery.
pub(in crate::api) fn webhook_event_type() -> RefOr<Schema> {
    described("WebhookEventType", "Type of the event.")
}

/// A reference to a schema, with a description of the property.
fn described(name: &str, description: &str) -> RefOr<Schema> {
    let reference = RefBuilder::new().ref_location_from_schema_name(name);
    RefOr::Ref(reference.description(Some(description)).build())
}

/// The schema of a type as it is serialized, with its parts in `$defs`.
fn generated<T: schemars::JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// The root under `name` and its parts under names that begin with `prefix`. A part that lists the words of an enum of
/// the document becomes a reference to that.
fn components(prefix: &str, name: &str, mut root: Value, known: &Value) -> Map<String, Value> {
    let mut parts = match root
        .as_object_mut()
        .and_then(|root| root.shift_remove("$defs"))
    {
        Some(Value::Object(parts)) => parts,
        _ => Map::new(),
    };
    let renamed = |part: &str| {
        let own = words(parts[part].clone());
        let mut known = known.as_object().into_iter().flatten();
        let same =
            known.find(|(_, schema)| own["enum"].is_array() && schema["enum"] == own["enum"]);
        let pascal: String = part.split('_').map(capitalized).collect();
        match same {
            Some((name, _)) => name.clone(),
            None if pascal.starts_with(prefix) => pascal,
            None => format!("{prefix}{pascal}"),
        }
    };
    let names: Map<String, Value> = parts
        .keys()
        .map(|part| {
            (
                format!("#/$defs/{part}"),
                json!(format!("{COMPONENTS}{}", renamed(part))),
            )
        })
        .collect();
    let mut found = Map::new();
    for (part, schema) in std::mem::take(&mut parts) {
        let to = names[&format!("#/$defs/{part}")]
            .as_str()
            .unwrap_or_default();
        let to = to.trim_start_matches(COMPONENTS).to_owned();
        let schema = words(schema);
        match &known[&to] {
            Value::Null => _ = found.insert(to, schema),
            // The same enum.
            other => debug_assert_eq!(other["enum"], schema["enum"], "{to} is defined twice"),
        }
    }
    found.insert(name.to_owned(), root);
    for schema in found.values_mut() {
        settle(schema, &names);
    }
    found
}

/// Rewrites references, and leaves out what OpenAPI's tools do not know: `$schema`, the title, formats of Rust's
/// integers. A default means nothing in a response.
fn settle(schema: &mut Value, names: &Map<String, Value>) {
    match schema {
        Value::Object(fields) => {
            fields.shift_remove("$schema");
            fields.shift_remove("default");
            if fields.get("title").is_some_and(Value::is_string) {
                fields.shift_remove("title");
            }
            if let Some(reference) = fields.get_mut("$ref")
                && let Some(to) = reference.as_str().and_then(|from| names.get(from))
            {
                *reference = to.clone();
            }
            let unsigned = |format: &Value| {
                format
                    .as_str()
                    .is_some_and(|format| format.starts_with("uint"))
            };
            if fields.get("format").is_some_and(unsigned) {
                fields.insert("format".to_owned(), json!("int64"));
            }
            fields.values_mut().for_each(|value| settle(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, names)),
        _ => {}
    }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_uppercase() + rest
}

/// The content of a file, in requests and responses.
pub(in crate::api) struct Bytes;

impl PartialSchema for Bytes {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(binary));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Bytes {}
