//! OpenAPI document, derived from the mounted routes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use access::{Domain, Role};
use actix_web::http::header::ContentEncoding;
use actix_web::web::Bytes;
use customers::customer::Customer;
use lists::Views;
use orders::order::Order;
use platform::error::{Problem, ProblemMembers};
use platform::owned::Owned;
use platform::resource::etag;
use platform::routes::{Arguments, Described};
use platform::shape::{allow_external_ids, describe_field, everywhere, one_of_all};
use platform::{Result, Routes};
use receivables::invoice::Invoice;
use receivables::payment::Payment;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Header, OpenApi, RefOr, Required};

use crate::app::{self, DOMAINS, PREFIX};
use crate::{compression, responses, schemas};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Salesbook",
        version = "1",
        description = include_str!("introduction.md"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This service")),
    components(schemas(Problem, ProblemMembers)),
    security(("bearer" = [])),
)]
struct Document;

/// Returns the document as text, as it is served and checked in.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        serde_json::to_string_pretty(&value()).expect("a document is JSON") + "\n"
    });
    &TEXT
}

/// Returns the document in a coding. It is compressed once for all readers, because anyone may
/// request it and it has nearly three megabytes.
pub async fn compressed(coding: ContentEncoding) -> Result<Bytes> {
    static GZIP: OnceCell<Bytes> = OnceCell::const_new();
    static BROTLI: OnceCell<Bytes> = OnceCell::const_new();
    let copy = match coding {
        ContentEncoding::Gzip => &GZIP,
        ContentEncoding::Brotli => &BROTLI,
        _ => return Ok(Bytes::from_static(text().as_bytes())),
    };
    copy.get_or_try_init(|| compression::compressed(coding, text())).await.cloned()
}

/// Returns the ETag, which changes with the document.
pub fn tag() -> &'static str {
    static TAG: LazyLock<String> = LazyLock::new(|| etag(1, text().as_bytes()));
    &TAG
}

/// Returns the options of each list and of each single read.
pub fn views() -> &'static Views {
    static VIEWS: LazyLock<Views> = LazyLock::new(|| Views::of(&derived()));
    &VIEWS
}

/// Returns the document as derived from the routes.
fn derived() -> Value {
    serde_json::to_value(openapi()).expect("a document is JSON")
}

/// Returns the document, completed with the parts that all operations of a kind have in common.
pub fn value() -> Value {
    let mut document = derived();
    everywhere(&mut document, &one_of_all);
    everywhere(&mut document, &describe_field);

    let (mut requests, mut shared) = (vec![], Map::new());
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            name_roles(operation);
            external_parameters(operation);
            requests.extend(references(&operation["requestBody"]));
            responses::complete(method, path, operation, &mut shared);
        }
    }

    document["components"]["responses"] = shared.into();
    if let Some(all) = document["components"]["schemas"].as_object_mut() {
        schemas::complete(all);
    }

    // Types of request bodies, and the types that they consist of.
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = requests.pop() {
        let schema = &mut document["components"]["schemas"][&name];
        if seen.insert(name) {
            requests.extend(references(schema));
            everywhere(schema, &allow_external_ids);
        }
    }

    views().describe(&mut document, &seen);
    name_owners::<Customer>(&mut document);
    name_owners::<Order>(&mut document);
    name_owners::<Invoice>(&mut document);
    name_owners::<Payment>(&mut document);
    document
}

/// Adds the owner of each field that only an ERP or only people edit.
fn name_owners<R: Owned>(document: &mut Value) {
    for name in R::SCHEMAS {
        let schema = document.pointer_mut(&format!("/components/schemas/{name}"));
        let Some(schema) = schema else { continue };
        let whole = schema.get("properties").is_some();
        let parts: &mut [Value] = if whole {
            std::slice::from_mut(schema)
        } else {
            match schema.get_mut("allOf") {
                Some(Value::Array(parts)) => parts,
                _ => continue,
            }
        };

        for part in parts {
            for field in R::FIELDS {
                if let Some(property) = part.pointer_mut(&format!("/properties/{}", field.name)) {
                    property["x-owner"] = field.owner.as_str().into();
                }
            }
        }
    }
}

/// Returns the names of the schemas to which this part of the document refers.
fn references(part: &Value) -> Vec<String> {
    match part {
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str);
            let name = name.and_then(|reference| reference.rsplit('/').next()).map(str::to_owned);
            name.into_iter().chain(object.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => vec![],
    }
}

/// Returns the roles that may call an operation.
pub fn roles_of(operation: &str) -> Option<&'static [Role]> {
    let permission = operations().get(operation)?.permission?;
    let mut all = app::permissions().flatten();
    all.find(|entry| entry.0 == permission).map(|entry| entry.1)
}

fn name_roles(operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let text = match roles_of(id) {
        Some(roles) if roles.len() == Role::ALL.len() => "Available to every role.".to_owned(),
        Some(roles) => {
            let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            operation["x-roles"] = json!(names);
            format!("Available to: {}.", names.join(", "))
        }
        None => "No particular role is required.".to_owned(),
    };
    let before = operation["description"].as_str().unwrap_or_default();
    operation["description"] = format!("{before}\n\n{text}").trim_start().into();
}

/// Does for query parameters what [`allow_external_ids`] does for bodies.
fn external_parameters(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let Some(parameters) = parameters else { return };
    let ids: Vec<String> = parameters
        .iter()
        .filter(|parameter| parameter["in"] == "query" && parameter["schema"]["format"] == "uuid")
        .filter_map(|parameter| parameter["name"].as_str()?.strip_suffix("_id").map(str::to_owned))
        .collect();

    for name in ids {
        for (ending, most, what) in [
            ("external_id", 200, "its id in another system"),
            ("source_system", 40, "the source system of that external id. Default: your own"),
        ] {
            parameters.push(json!({
                "name": format!("{name}_{ending}"), "in": "query", "required": false,
                "description": format!("Instead of `{name}_id`: {what}"),
                "schema": { "type": "string", "minLength": 1, "maxLength": most },
            }));
        }
    }
}

/// Returns the permission and the refusals that follow from the arguments of each handler, by
/// operation id.
pub fn operations() -> &'static BTreeMap<String, Arguments> {
    static OPERATIONS: LazyLock<BTreeMap<String, Arguments>> =
        LazyLock::new(|| described().operations);
    &OPERATIONS
}

/// Returns the descriptions of all operations that the service mounts. They take tens of megabytes,
/// so nothing keeps them.
fn described() -> Described {
    let mut described = Described::default();
    let roots = DOMAINS.iter().map(|domain| ("", domain.name, domain.root_routes));
    let routes = DOMAINS.iter().map(|domain| (PREFIX, domain.name, domain.routes));
    for (prefix, tag, mounts) in roots.chain(routes) {
        let mut routes = Routes::describe(prefix, tag, &mut described);
        for mount in mounts {
            mount(&mut routes);
        }
    }
    described
}

/// Returns the document as the handlers describe it.
pub fn openapi() -> OpenApi {
    let mut document = Document::openapi();
    let described = described();
    document.paths.merge(described.paths);
    let tag = |domain: &Domain| {
        TagBuilder::new().name(domain.name).description(Some(domain.about)).build()
    };
    document.tags = Some(DOMAINS.iter().map(tag).collect());

    let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_default();
    for (name, schema) in described.schemas {
        let before = components.schemas.insert(name.clone(), schema.clone());
        let same = before.is_none_or(|before| json!(before) == json!(schema));
        assert!(same, "two types are called {name} in the document");
    }
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));

    for (path, item) in &mut document.paths.paths {
        let keyed = path.starts_with("/api/") && !path.contains("/auth/");
        for (method, operation) in methods(item) {
            // Sessions have no versions, because nobody edits them.
            let versioned = !path.starts_with("/api/v1/me/sessions");
            if keyed && versioned && matches!(method, "PATCH" | "DELETE") {
                let meaning = "The ETag of the version that the change is based on";
                header(operation, "If-Match", Required::True, meaning, IF_MATCH);
            }
            if keyed && method != "GET, HEAD" {
                let meaning =
                    "Makes it safe to repeat the request: the same key returns the same response";
                header(operation, "Idempotency-Key", Required::False, meaning, KEY);
            }
            answer_headers(operation);
        }
    }
    document
}

/// Returns the operations of a path by method, HEAD together with GET.
pub fn methods(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, patch, delete, .. } = item;
    let all = [("GET, HEAD", get), ("POST", post), ("PATCH", patch), ("DELETE", delete)];
    all.into_iter().filter_map(|(name, operation)| Some((name, operation.as_mut()?)))
}

/// An ETag with or without its hash.
const IF_MATCH: &str = r#"^(W/)?"[0-9]{1,18}(-[0-9a-f]{1,16})?"$"#;
/// Visible ASCII, because headers hold nothing else.
const KEY: &str = r"^[!-~]{1,255}$";

fn header(operation: &mut Operation, name: &str, required: Required, meaning: &str, pattern: &str) {
    let known = operation.parameters.iter().flatten();
    if known.clone().any(|one| matches!(one, RefOr::T(one) if one.name == name)) {
        return;
    }
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(meaning))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))))
        .build();
    operation.parameters.get_or_insert_default().push(parameter.into());
}

/// Adds the headers of a created resource.
fn answer_headers(operation: &mut Operation) {
    let text = || Header::new(ObjectBuilder::new().schema_type(Type::String));
    if let Some(RefOr::T(created)) = operation.responses.responses.get_mut("201") {
        created.headers.insert("Location".into(), text().into());
        created.headers.insert("ETag".into(), text().into());
    }
}
