//! Schemas of the types that requests and responses share with the core. The types derive [`schemars::JsonSchema`], so
//! their documentation and their bounds are written once.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};

use super::enumeration::words;
use crate::artifact::incoming::UploadState;
use crate::job::key::KeyScope;
use crate::job::webhook::DeliveryState;
use crate::job::{Device, State};
use crate::prune::recipe::{
    AnswerTerm, Compensation, Constraints, Estimator, FeatureTerm, Importance, LabelReading,
    Mapping, Method, Metric, Output, PositionWeights, Reporting, Trajectory, Units,
};
use crate::prune::report::CalibrationUse;
use crate::prune::stage::Stage;

/// Gives types the name and the schema that they derive.
macro_rules! derived {
    ($($type:ty),+ $(,)?) => {$(
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::api::document::derived::schema::<Self>()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                <Self as schemars::JsonSchema>::schema_name()
            }

            fn schemas(
                schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
            ) {
                schemas.extend($crate::api::document::derived::parts::<Self>());
            }
        }
    )+};
}

pub(in crate::api) use derived;

derived!(
    CalibrationUse,
    Compensation,
    Constraints,
    DeliveryState,
    Device,
    Estimator,
    Importance,
    KeyScope,
    LabelReading,
    Mapping,
    Method,
    Metric,
    Output,
    PositionWeights,
    Reporting,
    Stage,
    State,
    AnswerTerm,
    FeatureTerm,
    Trajectory,
    Units,
    UploadState,
);

/// The schema of a type, which refers to those of its parts.
pub(in crate::api) fn schema<T: JsonSchema>() -> RefOr<Schema> {
    converted(&definitions::<T>()[T::schema_name().as_ref()])
}

/// The schemas of a type and of its parts, with their names.
pub(in crate::api) fn parts<T: JsonSchema>() -> impl Iterator<Item = (String, RefOr<Schema>)> {
    let definitions = definitions::<T>().into_iter();
    definitions.map(|(name, schema)| (name, converted(&schema)))
}

/// The schema of one field of a type, for a body that has the same field.
pub(in crate::api) fn field<T: JsonSchema>(name: &str) -> RefOr<Schema> {
    converted(&definitions::<T>()[T::schema_name().as_ref()]["properties"][name])
}

fn definitions<T: JsonSchema>() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    generator.subschema_for::<T>();
    let mut definitions = generator.take_definitions(true);
    for schema in definitions.values_mut() {
        *schema = words(schema.take());
        settle(schema);
    }
    definitions
}

/// Spells a schema as those of the other types are: a nullable reference as `oneOf`, and no formats of Rust's integers.
fn settle(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            match fields.get("format").and_then(Value::as_str) {
                Some("uint") => _ = fields.shift_remove("format"),
                Some("uint64") => _ = fields.insert("format".to_owned(), json!("int64")),
                _ => {}
            }
            if let Some(alternatives) = fields.shift_remove("anyOf") {
                fields.insert("oneOf".to_owned(), alternatives);
            }
            fields.values_mut().for_each(settle);
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        _ => {}
    }
}

fn converted(schema: &Value) -> RefOr<Schema> {
    serde_json::from_value(schema.clone()).unwrap_or_else(|_| RefOr::T(Schema::default()))
}
