//! Requests with the id of a hidden row are answered exactly like those with an unknown id.

use actix_web::test::{self, TestRequest};
use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::hidden::{SECRET, World, code, phone, said};
use crate::support::harness::{Actor, Service};

#[actix_web::test]
async fn no_reference_filter_or_report_tells_of_a_hidden_row() {
    let service = Service::start().await;
    let world = World::of(&service).await;
    let finance = service.actor(Role::Finance).await;
    let (customer, target) = (world.id("customers"), world.id("targets"));
    let none = Uuid::now_v7().to_string();
    let outside = format!("{SECRET} {}", world.boris.id);
    let merge = format!("customers/{}/merge", world.own);
    let app = test::init_service(service.inner.app()).await;
    let text = async |actor: &Actor<'_>, url: &str| {
        let token = format!("Bearer {}", actor.token.as_ref().unwrap());
        let request = TestRequest::with_uri(url).insert_header(("authorization", token));
        let answer = test::call_service(&app, request.to_request()).await;
        let status = answer.status().as_u16();
        let bytes = test::read_body(answer).await.to_vec();
        (status, plain(String::from_utf8(bytes).unwrap()))
    };
    let mut cells = 0;
    // The same request for a hidden row and for a missing one.
    for actor in [&world.anna, &world.manager] {
        let bodies = [
            ("contacts", json!({ "customer_id": "@", "name": "x" })),
            (
                "orders",
                json!({ "customer_id": "@", "lines": [{ "product_id": world.product, "quantity": "1" }] }),
            ),
            (
                "targets",
                json!({ "owner_type": "customer", "owner_id": "@", "value": "1", "period_type": "month", "period_start": "2026-03-01" }),
            ),
            (
                "targets",
                json!({ "owner_type": "user", "owner_id": actor.id, "parent_id": "$", "value": "1", "period_type": "day", "period_start": "2026-03-01" }),
            ),
            ("complaints", json!({ "customer_id": "@", "category": "other", "description": "x" })),
            (
                "complaints",
                json!({ "customer_external_id": "#", "customer_source_system": "sap", "category": "other", "description": "x" }),
            ),
            (&*merge, json!({ "loser_id": "@" })),
            (
                "customers/transfer",
                json!({ "customers": [{ "customer_id": "@" }], "owner_id": null, "reason": "x" }),
            ),
            (
                "contacts",
                json!({ "customer_external_id": "#", "customer_source_system": "sap", "name": "x" }),
            ),
            (
                "orders",
                json!({ "customer_external_id": "#", "customer_source_system": "sap", "lines": [{ "product_id": world.product, "quantity": "1" }] }),
            ),
        ];
        for (path, body) in bodies {
            let ask = async |customer: &str, target: &str, outside: &str| {
                let body = body
                    .to_string()
                    .replace('@', customer)
                    .replace('$', target)
                    .replace('#', outside);
                let body = serde_json::from_str(&body).unwrap();
                said(&actor.post(&format!("/api/v1/{path}"), body).await)
            };
            let (mine, missing) =
                (ask(customer, target, &outside).await, ask(&none, &none, "nobody").await);
            assert_eq!(mine, missing, "{path} {body}");
            assert!(matches!(mine.0, 403 | 422), "{path}: {mine:?}");
            cells += 1;
        }
        let reports = [
            "sales?group_by=customer&",
            "abc?",
            "top?of=customer&",
            "order-intervals?",
            "new-customers?group_by=month&",
            "team-sales?",
            "forecast?method=mean_of_3&",
            "visits?",
            "visit-intervals?",
            "refusals?",
            "activity-funnel?",
            "complaints?group_by=month,status&",
            "sla?",
            "repeat-complaints?",
            "sales?group_by=channel,month&empty=include&compare=previous_year&",
        ];
        let mut questions: Vec<String> = reports
            .iter()
            .flat_map(|it| {
                let name = format!("reports/{it}from=2026-01-01&to=2027-01-01&");
                [
                    format!("{name}customer_id=@"),
                    format!("{name}customer_external_id=#&customer_source_system=sap"),
                    format!("{name}customer_id=@&format=csv"),
                ]
            })
            .collect();
        questions.extend(
            [
                "contacts?customer_id=@&total=exact",
                "contacts?customer_external_id=#&customer_source_system=sap&total=exact",
                "orders?customer_id=@&total=exact",
                "orders?customer_external_id=#&customer_source_system=sap&total=exact",
                "targets?owner_type=customer&owner_id=@&total=exact",
                "targets?parent_id=$&total=exact",
                "complaints?customer_id=@&total=exact",
                "complaints?customer_external_id=#&customer_source_system=sap&total=exact",
                "targets?owner_id=@&total=exact",
                "reports/unfiled?customer_id=@",
                "reports/attainment/explain?target_id=$",
                "reports/attainment?owner_type=customer&owner_id=@&from=2026-01-01&to=2027-01-01",
            ]
            .map(str::to_owned),
        );
        for question in questions {
            let ask = async |customer: &str, target: &str, outside: &str| {
                let outside = outside.replace(' ', "%20");
                let url =
                    question.replace('@', customer).replace('$', target).replace('#', &outside);
                let (status, text) = text(actor, &format!("/api/v1/{url}")).await;
                (status, text.replace(customer, "").replace(target, ""))
            };
            let (mine, missing) =
                (ask(customer, target, &outside).await, ask(&none, &none, "nobody").await);
            assert_eq!(mine, missing, "{question}");
            assert!(!mine.1.contains(SECRET), "{question}");
            cells += 1;
        }
        // Lists without any filter.
        let mut cursor = String::new();
        let mut all = vec![];
        for path in [
            "customers?q=Geheimrat&total=exact",
            "customers?total=exact",
            "contacts?total=exact",
            "orders?total=exact",
            "targets?total=exact",
            "reports/sales?group_by=customer,channel&period=2026",
            "reports/sales?group_by=customer,channel&period=2026&format=csv",
            "reports/abc?period=2026&format=csv",
            "reports/order-intervals?format=csv",
            "reports/coverage?group_by=owner&period=2026&format=csv",
            "reports/not-visited?format=csv",
            "reports/satisfaction?group_by=owner&period=2026&format=csv",
            "reports/activity-funnel?period=2026&format=csv",
            "reports/attainment?owner_type=user&period=2026",
        ] {
            all.push((path.to_owned(), text(actor, &format!("/api/v1/{path}")).await.1));
        }
        loop {
            let page = actor.get(&format!("/api/v1/changes?limit=50{cursor}")).await.expect(200);
            all.push(("changes".into(), page["items"].to_string()));
            cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
            if page["more"] == false {
                break;
            }
        }
        for (path, text) in &all {
            assert!(!text.contains(SECRET), "{path}: {text}");
            for (_, id) in &world.hidden {
                assert!(!text.contains(id.as_str()), "{path} names {id}: {text}");
            }
            cells += 1;
        }
        // A conflict of a unique value does not reveal the other row.
        let code = code(SECRET, world.boris.id);
        for taken in [
            json!({ "name": "x", "code": code }),
            json!({ "name": format!("{SECRET} & Sons {}", world.boris.id) }),
        ] {
            let told = actor.post("/api/v1/customers", taken.clone()).await;
            assert!(matches!(told.status.as_u16(), 409 | 422), "{taken}: {told:?}");
            let text = told.body.to_string();
            assert!(!text.contains(customer) && !text.contains(SECRET), "{text}");
            assert!(told.body["duplicates"].as_array().is_none_or(Vec::is_empty));
        }
        // The phone number of a hidden customer is not revealed either.
        let number = phone(world.boris.id);
        let new = json!({ "name": format!("y {}", actor.id), "phone": number });
        let told = actor.post("/api/v1/customers", new).await;
        let visible = told.body["duplicates"].as_array().is_some_and(|found| !found.is_empty());
        assert!(told.status != 409 || visible, "{told:?}");
        assert!(!told.body.to_string().contains(customer), "{told:?}");
        // The cursor of another user reveals nothing.
        world.boris.post("/api/v1/customers", json!({ "name": format!("{SECRET} 2") })).await;
        let page = world.boris.get("/api/v1/customers?limit=1").await.expect(200);
        let next = page["next_cursor"].as_str().unwrap();
        let told = text(actor, &format!("/api/v1/customers?limit=1&cursor={next}")).await;
        assert!(!told.1.contains(SECRET), "{told:?}");
    }
    // The search would find the secret if it were there.
    let url = "/api/v1/reports/sales?group_by=customer,channel&period=2026&format=csv";
    assert!(text(&world.boris, url).await.1.contains(SECRET));
    assert!(text(&finance, "/api/v1/customers").await.1.contains(SECRET));
    println!("{cells} cells");
}

/// Removes the parts of a body that differ in each request.
fn plain(text: String) -> String {
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(mut body)) => {
            for name in ["instance", "generated_at", "parameters"] {
                body.remove(name);
            }
            Value::Object(body).to_string()
        }
        _ => text,
    }
}
