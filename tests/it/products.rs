//! Products: everybody can see them, but only few users see their cost.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

const PRODUCTS: &str = "/api/v1/products";

fn bike() -> Value {
    json!({ "code": "BK-1", "name": "山地自行车", "category": "自行车", "list_price": "2000",
        "standard_cost": "1200", "tax_rate": "13" })
}

fn path(product: &Value) -> String {
    format!("{PRODUCTS}/{}", product["id"].as_str().unwrap())
}

fn codes(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().unwrap().iter();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    errors.map(|it| format!("{} {}", text(it, "pointer"), text(it, "code"))).collect()
}

/// Encodes a byte for a URL, where only ASCII is allowed.
fn encoded(byte: u8) -> String {
    if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

async fn delete(actor: &Actor<'_>, path: &str, version: i64) -> u16 {
    let tag = format!("\"{version}\"");
    actor.send(Method::DELETE, path, None, &[("if-match", &tag)]).await.status.as_u16()
}

#[actix_web::test]
async fn a_product_from_first_to_last() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let product = office.post(PRODUCTS, bike()).await.expect(201);
    let path = path(&product);
    assert_eq!(product["name_pinyin"], "shan di zi xing che");
    assert_eq!((&product["unit"], &product["active"]), (&json!("pcs"), &json!(true)));
    assert_eq!((&product["list_price"], &product["tax_rate"]), (&json!("2000.00"), &json!("13")));

    let prices = json!([
        { "valid_from": "2026-12-01", "valid_to": null, "price": "1800" },
        { "valid_from": "2026-11-01", "valid_to": "2026-12-01", "price": "1900" },
    ]);
    let changed = office.patch(&path, 1, json!({ "prices": prices, "category": null })).await;
    let changed = changed.expect(200);
    assert_eq!(changed["prices"][0]["price"], "1900.00", "by their days");
    assert_eq!((&changed["category"], &changed["version"]), (&Value::Null, &json!(2)));
    let again = office.patch(&path, 2, json!({ "prices": prices })).await.expect(200);
    assert_eq!(again["version"], 2, "changing nothing is no version");
    office.patch(&path, 1, json!({ "active": false })).await.expect(412);

    assert_eq!(delete(&office, &path, 2).await, 204);
    office.get(&path).await.expect(404);
}

#[actix_web::test]
async fn each_rule_of_a_product_violated_once() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    office.post(PRODUCTS, bike()).await.expect(201);
    let refused = async |changes: Value| {
        let mut new = json!({ "code": "BK-2", "name": "x" });
        new.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        codes(&office.post(PRODUCTS, new).await.expect(422))
    };
    let taken = json!({ "code": "BK-1", "name": "x" });
    assert_eq!(codes(&office.post(PRODUCTS, taken).await.expect(409)), ["/code duplicate"]);
    assert_eq!(refused(json!({ "list_price": 5 })).await, ["/list_price type"]);
    assert_eq!(refused(json!({ "list_price": "-1" })).await, ["/list_price range"]);
    assert_eq!(refused(json!({ "standard_cost": "-1" })).await, ["/standard_cost range"]);
    assert_eq!(refused(json!({ "tax_rate": "100.5" })).await, ["/tax_rate range"]);
    assert_eq!(refused(json!({ "colour": "red" })).await, ["/colour unknown_field"]);
    let price =
        |from: &str, to: Option<&str>| json!({ "valid_from": from, "valid_to": to, "price": "1" });
    let overlap = [price("2026-01-01", None), price("2026-02-01", None)];
    assert_eq!(refused(json!({ "prices": overlap })).await, ["/prices/0/valid_to overlap"]);
    let empty = [price("2026-01-01", Some("2026-01-01"))];
    assert_eq!(refused(json!({ "prices": empty })).await, ["/prices/0/valid_to range"]);
    assert_eq!(service.count("products").await, 1);
}

#[actix_web::test]
async fn what_it_costs_us_is_for_few() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let path = path(&office.post(PRODUCTS, bike()).await.expect(201));
    office.patch(&path, 1, json!({ "standard_cost": "1300" })).await.expect(200);
    let sees = [
        Role::Admin,
        Role::GeneralManager,
        Role::SalesDirector,
        Role::SalesManager,
        Role::BackOffice,
        Role::Finance,
        Role::Erp,
    ];
    for role in Role::ALL.iter().copied() {
        let reader = service.actor(role).await;
        let one = reader.get(&path).await.expect(200);
        let many = reader.get(PRODUCTS).await.expect(200);
        let history = reader.get(&format!("{path}/history")).await.expect(200);
        let told = !history["items"][0]["diff"]["standard_cost"].is_null();
        let (cost, masked) = if sees.contains(&role) {
            (json!("1300.00"), json!([]))
        } else {
            (Value::Null, json!(["standard_cost"]))
        };
        assert_eq!((&one["standard_cost"], &one["masked_fields"]), (&cost, &masked), "{role:?}");
        assert_eq!(many["items"][0]["standard_cost"], cost, "{role:?}");
        assert_eq!(told, sees.contains(&role), "{role:?}");
    }
    let seller = service.actor(Role::Salesperson).await;
    seller.patch(&path, 2, json!({ "standard_cost": "1" })).await.expect(403);
    seller.get(&format!("{PRODUCTS}?standard_cost=1300")).await.expect(400);
}

#[actix_web::test]
async fn products_are_found_by_any_part_and_by_sound() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    for (code, name, category) in [
        ("BK-1", "山地自行车", "自行车"),
        ("BK-2", "公路自行车", "自行车"),
        ("HL%1", "头盔", "配件"),
    ] {
        let new = json!({ "code": code, "name": name, "category": category,
            "active": code != "BK-2" });
        office.post(PRODUCTS, new).await.expect(201);
    }
    let found = async |query: &str| {
        let query: String = query.bytes().map(encoded).collect();
        let page = office.get(&format!("{PRODUCTS}?{query}")).await.expect(200);
        let items = page["items"].as_array().unwrap().iter();
        items.map(|it| it["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("q=自行&sort=code").await, "BK-1 BK-2");
    assert_eq!(found("q=toukui").await, "HL%1");
    assert_eq!(found("q=bk-2").await, "BK-2");
    assert_eq!(found("q=%25").await, "HL%1", "a sign like any other");
    assert_eq!(found("category=自行车&active=true").await, "BK-1");
    assert_eq!(found("code=HL%251").await, "HL%1");
    assert_eq!(found("sort=name_pinyin").await, "BK-2 BK-1 HL%1");
    assert_eq!(found("sort=-created_at").await, "HL%1 BK-2 BK-1");
    assert_eq!(found("sort=name&limit=1").await, "BK-2");
}

#[actix_web::test]
async fn a_product_that_was_sold_stays() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let product = office.post(PRODUCTS, bike()).await.expect(201);
    let customer = office.customer("Lin").await;
    let customer = customer.rsplit('/').next().unwrap();
    let line = json!({ "product_id": product["id"], "quantity": "1", "unit_price": "2000" });
    let order = json!({ "customer_id": customer, "order_date": "2026-11-02", "lines": [line] });
    office.post("/api/v1/orders", order).await.expect(201);
    let tag = [("if-match", "\"1\"")];
    let refused = office.send(Method::DELETE, &path(&product), None, &tag).await.expect(409);
    assert_eq!(refused["code"], "still_referenced");
}

#[actix_web::test]
async fn an_erp_keeps_products_in_step() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let import = async |items: &Value| {
        erp.post(&format!("{PRODUCTS}/batch"), json!({ "items": items })).await.expect(200)
    };
    let prices = json!([
        { "valid_from": "2026-01-01", "valid_to": "2026-02-01", "price": "10" },
        { "valid_from": "2026-02-01", "valid_to": null, "price": "11" },
    ]);
    let items = json!([
        { "external_id": "1", "code": "A", "name": "甲", "standard_cost": "5", "prices": prices },
        { "external_id": "2", "code": "B" },
        { "external_id": "3", "code": "C", "name": "丙", "tax_rate": "101" },
        { "external_id": "4", "code": "A", "name": "again" },
    ]);
    let outcomes = import(&items).await;
    assert_eq!((&outcomes["created"], &outcomes["failed"]), (&json!(1), &json!(3)));
    let pointer = |at: usize| outcomes["results"][at]["problem"]["errors"][0]["pointer"].clone();
    assert_eq!([1, 2, 3].map(pointer), ["/name", "/tax_rate", "/code"]);
    assert_eq!(import(&json!([items[0]])).await["unchanged"], 1);
    assert_eq!(service.count("changes where type = 'product'").await, 1);

    let changes = json!([{ "external_id": "1", "active": false, "standard_cost": null }]);
    assert_eq!(import(&changes).await["updated"], 1);
    let found = erp.get(&format!("{PRODUCTS}?code=A")).await.expect(200);
    let product = &found["items"][0];
    assert_eq!((&product["active"], &product["name"]), (&json!(false), &json!("甲")));
    assert_eq!((&product["standard_cost"], &product["version"]), (&Value::Null, &json!(2)));
    let seller = service.actor(Role::Salesperson).await;
    seller.post(&format!("{PRODUCTS}/batch"), json!({ "items": items })).await.expect(403);
}
