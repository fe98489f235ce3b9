//! Credit limits, and orders that exceed them.

pub mod batches;
pub mod exposure;
pub mod race;
pub mod rules;
pub mod scores;
pub mod tables;
pub mod terms;

use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

pub fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// Users of each role, a product at 1.00, and a customer of the seller.
pub struct Desk<'a> {
    pub service: &'a Service,
    pub admin: Actor<'a>,
    pub seller: Actor<'a>,
    pub controller: Actor<'a>,
    pub erp: Actor<'a>,
    pub product: Value,
    pub customer: String,
}

impl<'a> Desk<'a> {
    pub async fn of(service: &'a Service) -> Self {
        let admin = service.actor(Role::Admin).await;
        let seller = service.actor(Role::Salesperson).await;
        let controller = service.actor(Role::CreditController).await;
        let erp = service.client(Role::Erp, "sap").await;
        let product = json!({ "code": "P", "name": "P", "list_price": "1" });
        let product = admin.post("/api/v1/products", product).await.expect(201)["id"].clone();
        let customer = seller.customer("Lin & Sons").await;
        Self { service, admin, seller, controller, erp, product, customer }
    }

    /// Sets the customer's credit.
    pub async fn credit(&self, changes: Value) -> Value {
        let path = format!("{}/credit", self.customer);
        let version = self.admin.get(&path).await.expect(200)["version"].as_i64().unwrap();
        self.admin.patch(&path, version, changes).await.expect(200)
    }

    /// Submits an order of this amount. Returns its path.
    pub async fn order(&self, amount: &str) -> String {
        self.order_of(&self.customer, amount).await
    }

    pub async fn order_of(&self, customer: &str, amount: &str) -> String {
        let order = json!({ "customer_id": id(customer),
            "lines": [{ "product_id": self.product, "quantity": amount }] });
        let order = self.seller.post("/api/v1/orders", order).await.expect(201);
        let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
        self.seller.post(&format!("{path}/submit"), json!({})).await.expect(200);
        path
    }

    pub async fn exposure(&self) -> Value {
        let path = format!("{}/credit", self.customer);
        self.controller.get(&path).await.expect(200)["exposure"].clone()
    }
}

pub async fn confirm(by: &Actor<'_>, order: &str, status: u16) -> Value {
    by.post(&format!("{order}/confirm"), json!({})).await.expect(status)
}

#[actix_web::test]
async fn a_limit_stops_at_the_cent_and_says_why() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let untouched = desk.seller.get(&format!("{}/credit", desk.customer)).await.expect(200);
    assert_eq!((&untouched["version"], &untouched["credit_limit"]), (&json!(0), &Value::Null));
    assert_eq!(untouched["exposure"]["limit"], Value::Null, "unlimited, as shipped");
    let set = json!({ "credit_limit": "1000", "tolerance_percent": "10" });
    let set = desk.credit(set).await;
    assert_eq!((&set["version"], &set["credit_limit"]), (&json!(1), &json!("1000.00")));
    let (first, second) = (desk.order("600").await, desk.order("500.01").await);
    confirm(&desk.admin, &first, 200).await;
    assert_eq!(desk.exposure().await["confirmed_orders"], "600.00");
    let refused = confirm(&desk.admin, &second, 409).await;
    assert_eq!(refused["code"], "credit_limit_exceeded");
    assert_eq!(refused["reasons"], json!(["over_limit"]));
    for (name, amount) in [
        ("limit", "1000.00"),
        ("tolerance_percent", "10"),
        ("open_receivables", "0.00"),
        ("confirmed_orders", "600.00"),
        ("this_order", "500.01"),
        ("unapplied_receipts", "0.00"),
        ("exposure", "1100.01"),
        ("available", "-0.01"),
        ("overdue_amount", "0.00"),
    ] {
        assert_eq!(refused[name], amount, "{name}");
    }
    let after = desk.seller.get(&second).await.expect(200);
    assert_eq!((&after["status"], &after["version"]), (&json!("submitted"), &json!(2)));
    let third = desk.order("500").await;
    confirm(&desk.admin, &third, 200).await;
    assert_eq!(desk.exposure().await["available"], "0.00");
    // Cancelled and closed orders no longer count.
    desk.admin.post(&format!("{first}/close"), json!({})).await.expect(200);
    confirm(&desk.admin, &second, 200).await;
    assert_eq!(desk.exposure().await["exposure"], "1000.01");
    let reopened = desk.admin.post(&format!("{first}/reopen"), json!({})).await.expect(409);
    assert_eq!(reopened["code"], "credit_limit_exceeded");
    let why = json!({ "reason": "not needed" });
    desk.admin.post(&format!("{second}/cancel"), why).await.expect(200);
    desk.admin.post(&format!("{first}/reopen"), json!({})).await.expect(200);
    assert_eq!(desk.exposure().await["exposure"], "1100.00");
    let returned = desk.order("-50").await;
    confirm(&desk.admin, &returned, 200).await;
    assert_eq!(desk.exposure().await["exposure"], "1100.00", "a return is no claim of ours");
    let history = format!("{}/credit/history", desk.customer);
    let history = desk.controller.get(&history).await.expect(200);
    assert_eq!(history["items"][0]["diff"]["credit_limit"]["to"], "1000.00");
}

#[actix_web::test]
async fn a_zero_limit_is_prepaid_and_no_limit_is_the_companys() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let company = desk.admin.get("/api/v1/company").await.expect(200);
    let version = company["version"].as_i64().unwrap();
    let settings = json!({ "settings": { "credit_default_limit": 100 } });
    desk.admin.patch("/api/v1/company", version, settings).await.expect(200);
    let order = desk.order("100.01").await;
    assert_eq!(confirm(&desk.admin, &order, 409).await["limit"], "100.00");
    desk.credit(json!({ "credit_limit": "0" })).await;
    let small = desk.order("0.01").await;
    assert_eq!(confirm(&desk.admin, &small, 409).await["limit"], "0.00");
    // A receipt without an invoice.
    let receipt = format!(
        "insert into open_items (kind, source_id, customer_id, amount)
         values ('receipt', gen_random_uuid(), '{}', -0.01)",
        id(&desk.customer)
    );
    service.sql(&receipt).await;
    confirm(&desk.admin, &small, 200).await;
    let exposure = desk.exposure().await;
    assert_eq!(
        (&exposure["unapplied_receipts"], &exposure["exposure"]),
        (&json!("0.01"), &json!("0.00"))
    );
    desk.credit(json!({ "credit_limit": "500" })).await;
    confirm(&desk.admin, &order, 200).await;
    let settings = json!({ "settings": { "prepaid_until_terms": 1 } });
    desk.admin.patch("/api/v1/company", version + 1, settings).await.expect(200);
    let order = desk.order("1").await;
    assert_eq!(confirm(&desk.admin, &order, 409).await["reasons"], json!(["no_terms"]));
}

#[actix_web::test]
async fn hold_expiry_and_overdue_stop_everything() {
    let now = Timestamp("2026-11-20T04:00:00Z".parse().unwrap());
    let service = Service::start_at(Clock::fixed(now)).await;
    let desk = Desk::of(&service).await;
    let order = desk.order("10").await;
    let path = format!("{}/credit", desk.customer);
    let why = json!({ "reason": "支票被退回" });
    let held = desk.controller.post(&format!("{path}/hold"), why.clone()).await.expect(200);
    assert_eq!((&held["hold"], &held["exposure"]["reasons"]), (&json!(true), &json!(["hold"])));
    desk.controller.post(&format!("{path}/hold"), why.clone()).await.expect(409);
    desk.seller.post(&format!("{path}/hold"), why).await.expect(403);
    assert_eq!(confirm(&desk.admin, &order, 409).await["reasons"], json!(["hold"]));
    let answered =
        json!({ "amount": "1000", "reason": "水单", "expires_at": "2026-11-21T00:00:00Z" });
    let overrides = format!("{}/credit-overrides", desk.customer);
    desk.controller.post(&overrides, answered).await.expect(201);
    assert_eq!(confirm(&desk.admin, &order, 409).await["reasons"], json!(["hold"]));
    desk.controller.post(&format!("{path}/release"), json!({})).await.expect(200);
    desk.controller.post(&format!("{path}/release"), json!({})).await.expect(409);
    let list = desk.controller.get(&overrides).await.expect(200);
    let revoke =
        format!("/api/v1/credit-overrides/{}/revoke", list["items"][0]["id"].as_str().unwrap());
    desk.controller.post(&revoke, json!({})).await.expect(200);
    desk.controller.post(&revoke, json!({})).await.expect(409);

    desk.credit(json!({ "credit_limit": "100", "valid_until": "2026-11-19" })).await;
    assert_eq!(confirm(&desk.admin, &order, 409).await["reasons"], json!(["limit_expired"]));
    desk.credit(json!({ "valid_until": "2026-11-20" })).await;
    confirm(&desk.admin, &order, 200).await;

    let owe = |due: &str, amount: &str| {
        format!(
            "insert into open_items (kind, source_id, customer_id, due_on, amount)
             values ('invoice', gen_random_uuid(), '{}', '{due}', {amount})",
            id(&desk.customer)
        )
    };
    desk.credit(json!({ "credit_limit": "100000" })).await;
    let order = desk.order("10").await;
    service.sql(&owe("2026-11-13", "1000")).await;
    confirm(&desk.admin, &order, 200).await;
    // Eight days exceed the seven days allowed for a customer without a tier.
    service.sql(&owe("2026-11-12", "1")).await;
    let order = desk.order("10").await;
    let refused = confirm(&desk.admin, &order, 409).await;
    assert_eq!(refused["reasons"], json!(["overdue"]));
    assert_eq!(
        (&refused["oldest_overdue_days"], &refused["overdue_amount"]),
        (&json!(8), &json!("1001.00"))
    );
    desk.admin.patch(&desk.customer, 1, json!({ "tier": "A" })).await.expect(200);
    confirm(&desk.admin, &order, 200).await;
    desk.credit(json!({ "max_overdue_days": 7 })).await;
    let order = desk.order("10").await;
    confirm(&desk.admin, &order, 409).await;
    service.sql("update open_items set amount = 900 where amount = 1000").await;
    confirm(&desk.admin, &order, 200).await;
}

#[actix_web::test]
async fn somebody_else_answers_for_more() {
    let now = Timestamp("2026-11-20T04:00:00Z".parse().unwrap());
    let service = Service::start_at(Clock::fixed(now)).await;
    let desk = Desk::of(&service).await;
    desk.credit(json!({ "credit_limit": "100" })).await;
    let path = format!("{}/credit-overrides", desk.customer);
    let answer = |amount: &str, until: &str| json!({ "amount": amount, "reason": "货款已汇出", "expires_at": until });
    for (new, at) in [
        (answer("0", "2026-11-21T00:00:00Z"), "/amount"),
        (answer("-1", "2026-11-21T00:00:00Z"), "/amount"),
        (answer("50", "2026-11-20T04:00:00Z"), "/expires_at"),
        (answer("50", "2026-11-27T04:00:01Z"), "/expires_at"),
    ] {
        let problem = desk.controller.post(&path, new).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], at);
    }
    for other in [&desk.admin, &desk.seller, &desk.erp] {
        other.post(&path, answer("50", "2026-11-21T00:00:00Z")).await.expect(403);
    }
    let order = desk.order("150").await;
    let made = desk.controller.post(&path, answer("50", "2026-11-27T04:00:00Z")).await;
    let location = made.header("location").to_owned();
    let made = made.expect(201);
    assert_eq!(desk.seller.get(&location).await.expect(200), made);
    service.actor(Role::Salesperson).await.get(&location).await.expect(404);
    // An override does not count if its author gets the credit for the order.
    let own = json!({ "customer_id": id(&desk.customer), "salesperson_id": desk.controller.id,
        "lines": [{ "product_id": desk.product, "quantity": "150" }] });
    let own = desk.admin.post("/api/v1/orders", own).await.expect(201);
    let own = format!("/api/v1/orders/{}", own["id"].as_str().unwrap());
    desk.admin.post(&format!("{own}/submit"), json!({})).await.expect(200);
    let refused = confirm(&desk.admin, &own, 409).await;
    assert_eq!(refused["override_amount"], "0.00");
    confirm(&desk.admin, &order, 200).await;
    let more = desk.order("0.01").await;
    assert_eq!(confirm(&desk.admin, &more, 409).await["override_amount"], "50.00");
    service.inner.clock.set(Timestamp("2026-11-27T04:00:00Z".parse().unwrap()));
    let (admin, controller) =
        (service.signed_in(desk.admin.id), service.signed_in(desk.controller.id));
    assert_eq!(confirm(&admin, &more, 409).await["override_amount"], "0.00", "it is over");
    let revoke = format!("{location}/revoke");
    assert_eq!(controller.post(&revoke, json!({})).await.expect(409)["current_status"], "expired");
    // Nor may users decide on their own customers.
    let theirs = json!({ "name": "Wang", "owner_id": desk.controller.id });
    let theirs = admin.post("/api/v1/customers", theirs).await.expect(201);
    let theirs = format!("/api/v1/customers/{}/credit-overrides", theirs["id"].as_str().unwrap());
    let problem = controller.post(&theirs, answer("50", "2026-11-28T00:00:00Z")).await.expect(403);
    assert_eq!(problem["code"], "self_approval");
}

#[actix_web::test]
async fn each_rule_of_a_limit_violated_once() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let path = format!("{}/credit", desk.customer);
    for (changes, expected) in [
        (json!({ "credit_limit": "-0.01" }), "/credit_limit range"),
        (json!({ "credit_limit": 100 }), "/credit_limit type"),
        (json!({ "tolerance_percent": "100.01" }), "/tolerance_percent range"),
        (json!({ "tolerance_percent": "-1" }), "/tolerance_percent range"),
        (json!({ "tolerance_percent": null }), "/tolerance_percent type"),
        (json!({ "max_overdue_days": -1 }), "/max_overdue_days range"),
        (json!({ "valid_until": "20261231" }), "/valid_until format"),
        (json!({ "hold": true }), "/hold unknown_field"),
    ] {
        let problem = desk.admin.patch(&path, 0, changes.clone()).await.expect(422);
        let fault = &problem["errors"][0];
        let told =
            format!("{} {}", fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap());
        assert_eq!(told, expected, "{changes}");
    }
    desk.seller.patch(&path, 0, json!({ "credit_limit": "5" })).await.expect(403);
    desk.admin.patch(&path, 1, json!({ "credit_limit": "5" })).await.expect(412);
    let stranger = service.actor(Role::Salesperson).await;
    stranger.get(&path).await.expect(404);
    assert_eq!(service.count("customer_credits").await, 0, "nothing was set, nothing is there");
    desk.controller.patch(&path, 0, json!({ "credit_limit": "5" })).await.expect(200);
    let same = desk.controller.patch(&path, 1, json!({ "credit_limit": "5" })).await.expect(200);
    assert_eq!(same["version"], 1);
    let company = desk.admin.get("/api/v1/company").await.expect(200)["version"].as_i64().unwrap();
    let dollars = json!({ "currency": "USD" });
    let problem = desk.admin.patch("/api/v1/company", company, dollars).await.expect(409);
    assert_eq!(problem["code"], "currency_in_use", "a limit is in it");
    let feed = "select op || ' ' || version from changes where type = 'customer_credit'";
    assert_eq!(service.texts(feed).await, ["created 1"]);
}
