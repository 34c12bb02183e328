//! The OpenAPI document: what the handlers say of themselves, and what is true of all of them.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};

use super::access::SCHEME;
use super::problem::{FieldError, Problem, ProblemCode};
use super::router;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "optin",
        description = "Prunes trained networks in one shot (OPTIN, ICLR 2024) and repairs what remains.\n\n\
                       Name a model, a calibration set and the share of the FLOPs to KEEP; follow the job; download a smaller \
                       checkpoint that opens in transformers.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "jobs", description = "Pruning jobs"),
        (name = "artifacts", description = "Files of finished jobs"),
        (name = "uploads", description = "Models and data files that callers send in"),
        (name = "webhooks", description = "Receivers of job events"),
        (name = "keys", description = "API keys and the audit log"),
        (name = "service", description = "Health, metrics and capabilities"),
    ),
    components(schemas(Problem, FieldError, ProblemCode)),
    modifiers(&Problems, &Keys),
)]
pub(super) struct Document;

/// The whole document, as `openapi.yaml` holds it.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = router::documented().into_openapi();
    // Handlers were merged in after the modifiers ran.
    Problems.modify(&mut document);
    document
}

/// The head of the document.
pub(super) fn head() -> OpenApi {
    Document::openapi()
}

/// How a key is shown, and that without a word every operation needs one.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("optk_<id>_<secret>")
            .description(Some(
                "An API key with the scope that the operation names; a service on loopback may ask for none",
            ))
            .build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
        }
    }
}

/// Any operation may answer with a problem.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            let operations = [
                &mut item.get,
                &mut item.put,
                &mut item.post,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in operations.into_iter().flatten() {
                let content = ContentBuilder::new()
                    .schema(Some(Ref::from_schema_name("Problem")))
                    .build();
                let response = ResponseBuilder::new()
                    .description("Error (RFC 9457 problem)")
                    .content("application/problem+json", content)
                    .build();
                operation
                    .responses
                    .responses
                    .insert("default".to_owned(), response.into());
            }
        }
    }
}
