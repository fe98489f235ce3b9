//! The OpenAPI document, derived from the routes that are mounted.

use std::sync::LazyLock;

use actix_web::App;
use actix_web::http::header::ContentEncoding;
use actix_web::web::Bytes;
use auth::Role;
use customers::customer::Customer;
use lists::Views;
use orders::order::Order;
use platform::Result;
use platform::error::{Problem, ProblemMembers};
use platform::owned::Owned;
use platform::resource::etag;
use platform::shape::{allow_external_ids, describe_field, everywhere, one_of_all};
use receivables::invoice::Invoice;
use receivables::payment::Payment;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Header, OpenApi, RefOr, Required};
use utoipa_actix_web::AppExt;

use crate::{app, compression, responses, schemas};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Salesbook",
        version = "1",
        description = include_str!("introduction.md"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This service")),
    tags(
        (name = "auth", description = "Who is calling, 登录与权限; people 人员 and teams 团队"),
        (name = "company", description = "The company 公司, its calendar 工作日历 and currencies 汇率"),
        (name = "territories", description = "Where we sell, 区域"),
        (name = "customers", description = "Whom we sell to, 客户 and 联系人"),
        (name = "products", description = "What we sell, 产品"),
        (name = "credit", description = "How far customers may owe us, 信用 and 交易条件"),
        (name = "orders", description = "What was sold, 订单, and what is on its way, 发货"),
        (name = "targets", description = "What shall be sold, 目标 and 定额"),
        (name = "follow_ups", description = "What somebody shall see to, 客户跟踪"),
        (name = "visits", description = "Being there, 拜访"),
        (name = "complaints", description = "What customers are not content with, 客户投诉, or suggest, 建议"),
        (name = "growth", description = "What customers could buy besides, 老客户深度开发"),
        (name = "receivables", description = "What customers owe and pay, 应收 and 回款, 催收"),
        (name = "attachments", description = "Files of any resource, 附件"),
        (name = "worklists", description = "What there is to do today, 工作台"),
        (name = "surveys", description = "How satisfied customers are, 客户满意度调查"),
        (name = "reports", description = "What became of it, 报表"),
        (name = "sync", description = "Keeping other systems in step, 同步"),
        (name = "operations", description = "Running the service, 运维"),
    ),
    components(schemas(Problem, ProblemMembers)),
    security(("bearer" = [])),
)]
struct Document;

/// Which permission the handler of an operation asks for; made by build/main.rs.
const REQUIRED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/permissions.rs"));

/// The document as text, as it is served and checked in.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        serde_json::to_string_pretty(&value()).expect("a document is JSON") + "\n"
    });
    &TEXT
}

/// The document in a coding. It is compressed once for all readers: anybody may ask for it, and it has
/// nearly three megabytes.
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

/// Changes when the document does.
pub fn tag() -> &'static str {
    static TAG: LazyLock<String> = LazyLock::new(|| etag(1, text().as_bytes()));
    &TAG
}

/// What each list and each single read has to offer.
pub fn views() -> &'static Views {
    static VIEWS: LazyLock<Views> = LazyLock::new(|| Views::of(&derived()));
    &VIEWS
}

/// The document as it follows from the routes.
fn derived() -> Value {
    serde_json::to_value(openapi()).expect("a document is JSON")
}

/// The document with what is true of all operations of a kind and is written nowhere else.
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
    // Types of requests, and what they are made of.
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = requests.pop() {
        let schema = &mut document["components"]["schemas"][&name];
        if seen.insert(name) {
            requests.extend(references(schema));
            everywhere(schema, &allow_external_ids);
        }
    }
    views().describe(&mut document, &seen);
    name_keepers::<Customer>(&mut document);
    name_keepers::<Order>(&mut document);
    name_keepers::<Invoice>(&mut document);
    name_keepers::<Payment>(&mut document);
    document
}

/// Who keeps a field that only an ERP or only people edit.
fn name_keepers<R: Owned>(document: &mut Value) {
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
                    property["x-owner"] = field.keeper.as_str().into();
                }
            }
        }
    }
}

/// The names of the schemas that stand somewhere in this part of the document.
fn references(part: &Value) -> Vec<String> {
    match part {
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str);
            let name = name.and_then(|it| it.rsplit('/').next()).map(str::to_owned);
            name.into_iter().chain(object.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => vec![],
    }
}

/// The roles that may call an operation.
pub fn roles_of(operation: &str) -> Option<&'static [Role]> {
    let permission = REQUIRED.iter().find(|it| it.0 == operation)?.1;
    let mut all = app::PERMISSIONS.iter().copied().flatten();
    all.find(|it| it.0 == permission).map(|it| it.1)
}

fn name_roles(operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let text = match roles_of(id) {
        Some(roles) if roles.len() == Role::ALL.len() => "For every role.".to_owned(),
        Some(roles) => {
            let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            operation["x-roles"] = json!(names);
            format!("For: {}.", names.join(", "))
        }
        None => "For everybody.".to_owned(),
    };
    let before = operation["description"].as_str().unwrap_or_default();
    operation["description"] = format!("{before}\n\n{text}").trim_start().into();
}

/// What [`allow_external_ids`] does for bodies, for the parameters of queries.
fn external_parameters(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let Some(parameters) = parameters else { return };
    let ids: Vec<String> = parameters
        .iter()
        .filter(|it| it["in"] == "query" && it["schema"]["format"] == "uuid")
        .filter_map(|it| it["name"].as_str()?.strip_suffix("_id").map(str::to_owned))
        .collect();
    for name in ids {
        for (ending, most, what) in [
            ("external_id", 200, "as another system knows it"),
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

/// The document of exactly the routes that [`app::routes`] mounts.
pub fn openapi() -> OpenApi {
    let app = App::new().into_utoipa_app().openapi(Document::openapi());
    let mut document = app.configure(app::routes).split_for_parts().1;
    let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    for (path, item) in &mut document.paths.paths {
        let keyed = path.starts_with("/api/") && !path.contains("/auth/");
        for (method, operation) in methods(item) {
            // Sessions have no versions: nobody edits them.
            let versioned = !path.starts_with("/api/v1/me/sessions");
            if keyed && versioned && matches!(method, "PATCH" | "DELETE") {
                let meaning = "The ETag that this is based on";
                header(operation, "If-Match", Required::True, meaning, IF_MATCH);
            }
            if keyed && method != "GET, HEAD" {
                let meaning = "Makes it safe to send again: the same key, the same answer";
                header(operation, "Idempotency-Key", Required::False, meaning, KEY);
            }
            answer_headers(operation);
        }
    }
    document
}

/// The operations of a path by their method, HEAD beside GET.
pub fn methods(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, patch, delete, .. } = item;
    let all = [("GET, HEAD", get), ("POST", post), ("PATCH", patch), ("DELETE", delete)];
    all.into_iter().filter_map(|(name, operation)| Some((name, operation.as_mut()?)))
}

/// An ETag with its hash or without.
const IF_MATCH: &str = r#"^(W/)?"[0-9]{1,18}(-[0-9a-f]{1,16})?"$"#;
/// Visible ASCII: that is all that a header can hold.
const KEY: &str = r"^[!-~]{1,255}$";

fn header(operation: &mut Operation, name: &str, required: Required, meaning: &str, pattern: &str) {
    let known = operation.parameters.iter().flatten();
    if known.clone().any(|it| matches!(it, RefOr::T(it) if it.name == name)) {
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

/// A new resource says where it is.
fn answer_headers(operation: &mut Operation) {
    let text = || Header::new(ObjectBuilder::new().schema_type(Type::String));
    if let Some(RefOr::T(created)) = operation.responses.responses.get_mut("201") {
        created.headers.insert("Location".into(), text().into());
        created.headers.insert("ETag".into(), text().into());
    }
}
