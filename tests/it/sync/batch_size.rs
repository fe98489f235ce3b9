//! The size limit of a batch depends on the number of list elements, as its duration does.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Answer, Service};

const ORDERS: &str = "/api/v1/orders/batch";

/// Invalid orders with the given number of lines.
fn orders(count: usize, lines: usize) -> Vec<String> {
    let lines = vec!["{}"; lines].join(",");
    (0..count).map(|n| format!("{{\"external_id\":\"O{n}\",\"lines\":[{lines}]}}")).collect()
}

async fn send(erp: &Actor<'_>, body: String) -> Answer {
    erp.send_text(Method::POST, ORDERS, Some(&body), &[]).await
}

fn pointers(problem: &Value) -> Vec<String> {
    let faults = problem["errors"].as_array().into_iter().flatten();
    faults.map(|it| format!("{} {}", it["pointer"], it["code"]).replace('"', "")).collect()
}

#[actix_web::test]
async fn too_many_lines_are_refused_with_the_size_to_use() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let items = orders(300, 1000);
    let lines = [("content-type", "application/x-ndjson")];

    let json = send(&erp, format!("{{\"items\":[{}]}}", items.join(","))).await.expect(413);
    let ndjson = erp.send_bytes(Method::POST, ORDERS, items.join("\n").into_bytes(), &lines).await;

    for problem in [json, ndjson.expect(413)] {
        assert_eq!(problem["code"], "batch_too_large");
        let told = ["elements", "most_elements", "items"].map(|name| problem[name].as_u64());
        assert_eq!(told, [Some(300_000), Some(200_000), Some(200)]);
    }
    assert_eq!(service.count("orders").await, 0);
}

#[actix_web::test]
async fn as_many_lines_as_a_batch_takes() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;

    let body = format!("{{\"items\":[{}]}}", orders(200, 1000).join(","));
    let told = send(&erp, body).await.expect(200);

    assert_eq!(told["failed"], 200, "each for what is wrong with it");
}

#[actix_web::test]
async fn lists_of_all_kinds_count() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let half = vec!["{}"; 101_000].join(",");

    let body = format!("{{\"items\":[{{\"lines\":[{half}]}},{{\"credits\":[{half}]}}]}}");
    let problem = send(&erp, body).await.expect(413);

    assert_eq!((&problem["elements"], &problem["items"]), (&json!(202_000), &json!(1)));
}

#[actix_web::test]
async fn the_frame_may_stand_around_the_items() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let item = r#"{"external_id":"C1","name":"C1"}"#;
    let post = async |body: String| {
        admin.send_text(Method::POST, "/api/v1/customers/batch", Some(&body), &[]).await
    };

    let before =
        post(format!(r#"{{"dry_run":true,"source_system":"sap","items":[{item}]}}"#)).await;
    let after = post(format!(r#"{{"items":[{item}],"source_system":"sap","dry_run":true}}"#)).await;
    let twice =
        post(format!(r#"{{"items":[{item}],"items":[{item}],"source_system":"sap"}}"#)).await;
    let none = post(r#"{"source_system":"sap"}"#.to_owned()).await;
    let other = post(r#"{"source_system":"sap","items":{}}"#.to_owned()).await;

    assert_eq!(before.expect(200)["created"], 1);
    assert_eq!(after.expect(200)["created"], 1);
    assert_eq!(service.count("customers").await, 0);
    assert_eq!(pointers(&twice.expect(422)), ["/items duplicate_field"]);
    assert_eq!(pointers(&none.expect(422)), ["/items required"]);
    assert_eq!(pointers(&other.expect(422)), ["/items type"]);
}

#[actix_web::test]
async fn each_item_has_its_own_faults() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let good = json!({ "external_id": "C0", "name": "C0" });
    let odd = json!({ "external_id": "C1", "name": "C\u{1}", "colour": "red" });
    let lines = [("content-type", "application/x-ndjson")];
    let path = "/api/v1/customers/batch";

    let json = erp.post(path, json!({ "items": [good, odd] })).await.expect(200);
    let text = format!("{good}\n\n{odd}\n").into_bytes();
    let ndjson = erp.send_bytes(Method::POST, path, text, &lines).await.expect(200);

    for told in [json, ndjson] {
        assert_eq!(pointers(&told["results"][0]["problem"]), [""; 0]);
        let faults = pointers(&told["results"][1]["problem"]);
        assert_eq!(faults, ["/name control_character", "/colour unknown_field"]);
    }
}

#[actix_web::test]
async fn a_batch_has_ten_thousand_items() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;

    let items = format!("{{\"items\":[{}]}}", vec!["{}"; 10_001].join(","));
    let problem = send(&erp, items).await.expect(422);

    assert_eq!(pointers(&problem), ["/items too_many"]);
}
