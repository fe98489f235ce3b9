//! The OpenAPI document, derived from the routes that are mounted.

use actix_web::App;
use platform::error::Problem;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Header, OpenApi, RefOr, Required};
use utoipa_actix_web::AppExt;

use crate::app;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Sales management",
        version = "1",
        description = "Unknown fields are refused. Times are UTC, amounts are decimal strings.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "customers", description = "Whom we sell to"),
        (name = "sync", description = "Keeping other systems in step"),
    ),
    components(schemas(Problem)),
    security(("bearer" = [])),
)]
struct Document;

/// The document of exactly the routes that [`app::routes`] mounts, with what is true of all
/// operations of a kind and is therefore written nowhere else.
pub fn openapi() -> OpenApi {
    let app = App::new().into_utoipa_app().openapi(Document::openapi());
    let mut document = app.configure(app::routes).split_for_parts().1;
    let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    for schema in components.schemas.values_mut() {
        drop_null_defaults(schema);
    }
    for item in document.paths.paths.values_mut() {
        for (method, operation) in methods(item) {
            if matches!(method, "PATCH" | "DELETE") {
                header(operation, "If-Match", Required::True, "The ETag that this is based on");
            }
            if matches!(method, "POST" | "PATCH" | "DELETE") {
                let meaning = "Makes it safe to send again: the same key, the same answer";
                header(operation, "Idempotency-Key", Required::False, meaning);
            }
            answer_headers(operation);
        }
    }
    document
}

/// `#[serde(default)]` on a merge patch documents null where null is refused.
fn drop_null_defaults(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    for property in object.properties.values_mut() {
        match property {
            RefOr::T(Schema::Object(field)) => field.default.take_if(|it| it.is_null()),
            RefOr::T(Schema::OneOf(field)) => field.default.take_if(|it| it.is_null()),
            _ => None,
        };
    }
}

/// The operations of a path by their method, HEAD beside GET.
pub fn methods(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, patch, delete, .. } = item;
    let all = [("GET, HEAD", get), ("POST", post), ("PATCH", patch), ("DELETE", delete)];
    all.into_iter().filter_map(|(name, operation)| Some((name, operation.as_mut()?)))
}

fn header(operation: &mut Operation, name: &str, required: Required, meaning: &str) {
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(meaning))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build();
    operation.parameters.get_or_insert_default().push(parameter.into());
}

/// A new resource says where it is.
fn answer_headers(operation: &mut Operation) {
    let text = || Header::new(ObjectBuilder::new().schema_type(Type::String));
    if let Some(RefOr::T(created)) = operation.responses.responses.get_mut("201") {
        created.headers.insert("Location".into(), text().into());
        created.headers.insert("ETag".into(), text().into());
    }
}
