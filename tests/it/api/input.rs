use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Map, Value, json};

use crate::api::openapi;
use crate::support::harness::Service;
use crate::support::inventing::Inventor;

fn faults(problem: &Value) -> Vec<String> {
    let text = |fault: &Value, name: &str| fault[name].as_str().unwrap().to_owned();
    let errors = problem["errors"].as_array().unwrap().iter();
    let mut faults: Vec<_> =
        errors.map(|fault| format!("{} {}", text(fault, "pointer"), text(fault, "code"))).collect();
    faults.sort();
    faults
}

#[actix_web::test]
async fn all_faults_of_a_body_in_one_answer() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let new = json!({ "name": "", "owner_id": "me", "city": "x".repeat(101), "latitude": "12.5",
        "colour": "red" });
    let problem = seller.post("/api/v1/customers", new).await.expect(422);
    assert_eq!(
        faults(&problem),
        [
            "/city too_long",
            "/colour unknown_field",
            "/latitude type",
            "/name too_short",
            "/owner_id format"
        ]
    );
    assert_eq!(problem["code"], "invalid");
    assert!(!problem.to_string().contains("xxx"), "an answer repeats what was sent");
    let problem = seller.post("/api/v1/customers", json!({})).await.expect(422);
    assert_eq!(faults(&problem), ["/name required"]);
}

/// Fields that only the service sets: no operation accepts them, except for imports of an ERP.
const DECIDED: [&str; 14] = [
    "id",
    "version",
    "status",
    "created_at",
    "updated_at",
    "approved_by",
    "approved_at",
    "authored_by",
    "closed_actual",
    "confirmed_on",
    "filed_no",
    "merged_into_id",
    "validity",
    "total_amount",
];

#[actix_web::test]
async fn nobody_sets_what_the_service_decides() {
    let service = Inventor::service().await;
    // Only the credit controller may decide on limits.
    let admin = service.person(&[Role::Admin, Role::CreditController]).await;
    let mut inventor = Inventor::with_rows(&service, &admin, 5).await;
    let sent: Map<String, Value> =
        DECIDED.iter().map(|name| ((*name).to_owned(), json!("active"))).collect();
    let mut tried = 0;
    for (template, method, operation) in openapi::operations() {
        let content = &operation["requestBody"]["content"];
        let json = content["application/json"].is_object()
            || content["application/merge-patch+json"].is_object();
        if !json || template.ends_with("/batch") {
            continue;
        }
        let (path, method) = (inventor.path(template), method.to_uppercase().parse().unwrap());
        let tag = [("if-match", "\"1\"")];
        let problem = admin.send(method, &path, Some(json!(sent)), &tag).await.expect(422);
        let told = faults(&problem);
        for name in DECIDED {
            let unknown = told.contains(&format!("/{name} unknown_field"));
            assert!(unknown, "{template} takes {name}: {told:?}");
        }
        tried += 1;
    }
    assert!(tried > 60, "{tried}");
}

/// The fields of a customer that its salesperson may not change, and the roles that may.
#[actix_web::test]
async fn who_may_set_which_field() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let other = service.actor(Role::Salesperson).await;
    let path = seller.customer("Lin & Sons").await;
    let steal = json!({ "name": "C", "owner_id": other.id, "allow_duplicate": true });
    let told = seller.post("/api/v1/customers", steal).await.expect(403);
    assert_eq!(told["code"], "not_your_person");
    for field in ["owner_id", "status", "external_id", "merged_into_id"] {
        let told = seller.patch(&path, 1, json!({ field: other.id })).await.expect(422);
        assert_eq!(faults(&told), [format!("/{field} unknown_field")]);
    }
    let product = json!({ "code": "P", "name": "P", "list_price": "10" });
    seller.post("/api/v1/products", product).await.expect(403);
    let roles = json!({ "name": "X", "roles": ["admin"] });
    let hr = service.actor(Role::Hr).await;
    assert_eq!(hr.post("/api/v1/users", roles).await.status, 403);
    assert_eq!(seller.get(&path).await.expect(200)["version"], 1);
}

#[actix_web::test]
async fn what_is_no_json_is_400_and_what_json_hides_is_422() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let send =
        async |text| seller.send_text(Method::POST, "/api/v1/customers", Some(text), &[]).await;
    assert_eq!(send("{\"name\":").await.expect(400)["code"], "malformed_json");
    assert_eq!(send("{\"name\":\"a\"} x").await.expect(400)["code"], "malformed_json");
    let twice = send(r#"{"name":"a","name":"b"}"#).await.expect(422);
    assert_eq!(faults(&twice), ["/name duplicate_field"]);
    let bell = send(r#"{"name":"a\u0007"}"#).await.expect(422);
    assert_eq!(faults(&bell), ["/name control_character"]);
    let stored = send(r#"{"name":"  Cafe\u0301 "}"#).await.expect(201);
    assert_eq!(stored["name"], "Café");
    let form = [("content-type", "text/plain")];
    seller.send(Method::POST, "/api/v1/customers", None, &form).await.expect(415);
}

#[actix_web::test]
async fn queries_and_paths_are_strict_too() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let query = "/api/v1/orders?limit=0&order_date_from=20260302&status=draft,lost&colour=red";
    let problem = seller.get(query).await.expect(400);
    assert_eq!(
        faults(&problem),
        [
            "/colour unknown_field",
            "/limit range",
            "/order_date_from format",
            "/status/1 unknown_value"
        ]
    );
    let problem = seller.get("/api/v1/orders?limit=1&limit=2").await.expect(400);
    assert_eq!(faults(&problem), ["/limit duplicate_field"]);
    assert_eq!(seller.get("/api/v1/orders/7").await.expect(400)["code"], "invalid_path");
    seller
        .get("/api/v1/orders?status=draft,confirmed&order_date_from=2026-03-02")
        .await
        .expect(200);
}

#[actix_web::test]
async fn another_method_is_405_and_another_path_404() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let answer = seller.send(Method::PUT, "/api/v1/customers", None, &[]).await;
    assert_eq!(answer.header("allow"), "GET, HEAD, POST");
    answer.expect(405);
    let answer = seller.send(Method::OPTIONS, "/api/v1/orders/x", None, &[]).await;
    assert_eq!(answer.header("allow"), "GET, HEAD, PATCH");
    answer.expect(204);
    seller.get("/api/v1/nothing").await.expect(404);
    let answer = seller.send(Method::HEAD, "/api/v1/customers", None, &[]).await;
    assert!(!answer.header("x-request-id").is_empty());
    answer.expect(200);
}
