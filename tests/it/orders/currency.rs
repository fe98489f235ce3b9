//! Orders in a foreign currency: list prices are converted, amounts have the digits of their
//! currency, and tax is rounded according to the company's setting.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

/// An order of ten pieces; the list price is 100 CNY.
struct Shop<'a> {
    admin: Actor<'a>,
    customer: Value,
    product: Value,
}

impl<'a> Shop<'a> {
    async fn open(service: &'a Service) -> Self {
        let admin = service.actor(Role::Admin).await;
        let customer = json!(admin.customer("上海林氏").await.rsplit('/').next());
        for (currency, rate) in [("JPY", "0.048"), ("KWD", "23.2")] {
            let rate =
                json!({ "from": currency, "to": "CNY", "rate": rate, "valid_on": "2026-01-01" });
            admin.post("/api/v1/exchange-rates", rate).await.expect(201);
        }
        let product = json!({ "code": "P", "name": "P", "list_price": "100.00" });
        let product = admin.post("/api/v1/products", product).await.expect(201)["id"].clone();
        Self { admin, customer, product }
    }

    fn order(&self, more: &Value) -> Value {
        let mut new = json!({ "customer_id": self.customer, "order_date": "2026-03-02",
            "lines": [{ "product_id": self.product, "quantity": "10" }] });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        new
    }

    async fn created(&self, more: Value) -> Value {
        self.admin.post("/api/v1/orders", self.order(&more)).await.expect(201)
    }

    async fn refused(&self, more: Value) -> String {
        faults(&self.admin.post("/api/v1/orders", self.order(&more)).await.expect(422))
    }
}

fn faults(problem: &Value) -> String {
    let faults = problem["errors"].as_array().unwrap().iter();
    let faults = faults.map(|it| format!("{} {}", it["pointer"], it["code"]).replace('"', ""));
    faults.collect::<Vec<_>>().join(", ")
}

fn path(order: &Value) -> String {
    format!("/api/v1/orders/{}", order["id"].as_str().unwrap())
}

#[actix_web::test]
async fn a_list_price_is_converted_at_the_rate_of_the_day() {
    let service = Service::start().await;
    let shop = Shop::open(&service).await;

    let order = shop.created(json!({ "currency": "JPY" })).await;
    let path = path(&order);
    shop.admin.post(&format!("{path}/submit"), json!({})).await.expect(200);
    shop.admin.post(&format!("{path}/confirm"), json!({})).await.expect(200);

    assert_eq!(order["lines"][0]["unit_price"], "2083");
    assert_eq!(order["amount"], "20830");
    let booked = service.texts("select trim_scale(amount)::text from sales_entries").await;
    assert_eq!(booked, ["999.84"], "not 48.00");
    let dinars = shop.created(json!({ "currency": "KWD" })).await;
    assert_eq!(dinars["lines"][0]["unit_price"], "4.310");
    let own = shop.created(json!({ "currency": "CNY" })).await;
    assert_eq!(own["lines"][0]["unit_price"], "100.00");
}

#[actix_web::test]
async fn a_price_that_no_coin_pays_must_be_sent() {
    let service = Service::start().await;
    let shop = Shop::open(&service).await;
    let cheap = json!({ "code": "C", "name": "C", "list_price": "0.05" });
    let cheap = shop.admin.post("/api/v1/products", cheap).await.expect(201)["id"].clone();
    let with = |line: Value| json!({ "currency": "JPY", "lines": [line] });

    let listed = shop.refused(with(json!({ "product_id": cheap, "quantity": "10" }))).await;
    let sent = json!({ "product_id": cheap, "quantity": "10", "unit_price": "1" });
    let sent = shop.created(with(sent)).await;

    assert_eq!(listed, "/lines/0/unit_price unit_price_required");
    assert_eq!(sent["amount"], "10");
}

#[actix_web::test]
async fn prices_of_one_currency_are_none_in_another() {
    let service = Service::start().await;
    let shop = Shop::open(&service).await;
    let draft = shop.created(json!({ "freight_amount": "5.00" })).await;
    let path = path(&draft);

    let alone = shop.admin.patch(&path, 1, json!({ "currency": "JPY" })).await.expect(422);
    let lines = json!([{ "product_id": shop.product, "quantity": "10" }]);
    let whole = json!({ "currency": "JPY", "freight_amount": "100", "lines": lines });
    let whole = shop.admin.patch(&path, 1, whole).await.expect(200);

    assert_eq!(faults(&alone), "/lines unit_price_required, /freight_amount required");
    assert_eq!(whole["total_amount"], "20930");
}

#[actix_web::test]
async fn amounts_have_the_digits_of_their_currency() {
    let service = Service::start().await;
    let shop = Shop::open(&service).await;
    let line = json!({ "product_id": shop.product, "quantity": "1", "unit_price": "2" });

    let order = shop.created(json!({ "currency": "KWD", "lines": [line] })).await;
    let read = shop.admin.get(&path(&order)).await.expect(200);
    let listed = shop.admin.get("/api/v1/orders").await.expect(200);
    let history = shop.admin.get(&format!("{}/history", path(&order))).await.expect(200);

    for shown in [&order, &read, &listed["items"][0]] {
        assert_eq!(shown["amount"], "2.000");
        assert_eq!(shown["lines"][0]["unit_price"], "2.000");
        assert_eq!(shown["credits"][0]["amount"].as_str().unwrap_or("2.000"), "2.000");
    }
    assert!(history["items"][0].to_string().contains("\"2.000\""), "{history}");
    let freight = json!({ "currency": "JPY", "freight_amount": "10.5" });
    assert_eq!(shop.refused(freight).await, "/freight_amount range");
}

#[actix_web::test]
async fn tax_is_rounded_per_line_or_per_document() {
    let service = Service::start().await;
    let shop = Shop::open(&service).await;
    let taxed = json!({ "code": "T", "name": "T", "tax_rate": "13", "list_price": "0.10" });
    let taxed = shop.admin.post("/api/v1/products", taxed).await.expect(201)["id"].clone();
    let line = json!({ "product_id": taxed, "quantity": "1" });
    let lines = json!({ "lines": [line, line, line] });

    let by_line = shop.created(lines.clone()).await;
    let company = shop.admin.get("/api/v1/company").await.expect(200);
    let version = company["version"].as_i64().unwrap();
    let setting = json!({ "settings": { "tax_rounding_per_document": 1 } });
    shop.admin.patch("/api/v1/company", version, setting).await.expect(200);
    let by_document = shop.created(lines).await;

    // 13 % of 0.10 are 0.013: three times 0.01, or 0.039 at once.
    assert_eq!(by_line["tax_amount"], "0.03");
    assert_eq!(by_document["tax_amount"], "0.04");
}
