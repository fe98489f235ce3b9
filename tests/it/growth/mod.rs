//! Growth: missing categories of a customer, opportunities with their next steps, and customers
//! without any.

pub mod tables;

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

const PATH: &str = "/api/v1/opportunities";
const LIST: &str = "/api/v1/me/growth-list";

/// A service on a Friday at 10:00 in Shanghai
async fn service() -> Service {
    Service::start_at(Clock::fixed(Timestamp("2026-11-20T02:00:00Z".parse().unwrap()))).await
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// Creates a customer. Returns its id.
async fn customer(of: &Actor<'_>, changes: Value) -> String {
    let mut new = json!({ "name": "上海林氏", "allow_duplicate": true, "tier": "A",
        "industry": "机械", "region": "华东" });
    new.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let tier = new.as_object_mut().unwrap().remove("tier");
    let customer = id(&of.post("/api/v1/customers", new).await.expect(201));
    if let Some(tier) = tier.as_ref().and_then(Value::as_str) {
        of.set_tier(&customer, tier).await;
    }
    customer
}

fn step(customer: &str, changes: Value) -> Value {
    let mut new = json!({ "customer_id": customer, "category": "密封件",
        "next_step": "送样品", "next_step_on": "2026-11-25" });
    let Value::Object(changes) = changes else { panic!("{changes}") };
    new.as_object_mut().unwrap().extend(changes);
    new
}

fn codes(problem: &Value) -> String {
    let errors = problem["errors"].as_array().unwrap().iter();
    let told = errors
        .map(|it| format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap()));
    told.collect::<Vec<_>>().join(", ")
}

#[actix_web::test]
async fn a_step_from_plan_to_win() {
    let service = service().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let customer = customer(&seller, json!({})).await;
    let new = step(&customer, json!({ "potential_amount": "80000" }));
    let made = seller.post(PATH, new).await.expect(201);
    let path = format!("{PATH}/{}", id(&made));
    assert_eq!(
        (&made["status"], &made["owner_id"], &made["potential_amount"]),
        (&json!("open"), &json!(seller.id), &json!("80000.00"))
    );
    stranger.get(&path).await.expect(404);
    stranger.patch(&path, 1, json!({ "next_step": "x" })).await.expect(404);
    let next = json!({ "next_step": "报价", "next_step_on": "2026-12-01" });
    assert_eq!(seller.patch(&path, 1, next.clone()).await.expect(200)["version"], 2);
    seller.patch(&path, 1, next).await.expect(412);
    let past = seller.patch(&path, 2, json!({ "next_step_on": "2026-11-19" })).await.expect(422);
    assert_eq!(codes(&past), "/next_step_on range");
    let act = async |action: &str, body: Option<Value>| {
        seller.send(Method::POST, &format!("{path}/{action}"), body, &[]).await
    };
    assert_eq!(codes(&act("lose", Some(json!({}))).await.expect(422)), "/reason required");
    let won = act("win", None).await.expect(200);
    assert_eq!((&won["status"], &won["ended_at"]), (&json!("won"), &json!("2026-11-20T02:00:00Z")));
    assert_eq!(act("win", None).await.expect(409)["code"], "wrong_status");
    let told = seller.patch(&path, 3, json!({ "next_step": "x" })).await.expect(409);
    assert_eq!(told["current_status"], "won");
    let history = seller.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 3);
}

#[actix_web::test]
async fn each_rule_of_a_step_violated_once() {
    let service = service().await;
    let (seller, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (manager, admin) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Admin).await);
    service.team(None, &manager, &[&seller]).await;
    let (mine, theirs) = (customer(&seller, json!({})).await, customer(&other, json!({})).await);
    let product = json!({ "code": "P", "name": "P" });
    let product = admin.post("/api/v1/products", product).await.expect(201)["id"].clone();
    for (changes, expected) in [
        (json!({ "next_step": "" }), "/next_step too_short"),
        (json!({ "next_step_on": "2026-11-19" }), "/next_step_on range"),
        (json!({ "category": null }), "/category required"),
        (json!({ "product_id": product }), "/product_id contradiction"),
        (json!({ "potential_amount": "-1" }), "/potential_amount range"),
        (json!({ "product_id": mine }), "/product_id unknown_reference"),
        (json!({ "customer_id": theirs }), "/customer_id unknown_reference"),
        (json!({ "reason": "x" }), "/reason unknown_field"),
    ] {
        let problem = seller.post(PATH, step(&mine, changes)).await.expect(422);
        assert_eq!(codes(&problem), expected);
    }
    let told = seller.post(PATH, step(&mine, json!({ "owner_id": other.id }))).await.expect(403);
    assert_eq!(told["code"], "not_your_person");
    service.actor(Role::BackOffice).await.post(PATH, step(&mine, json!({}))).await.expect(403);
    assert_eq!(service.count("opportunities").await, 0);

    let both = step(&mine, json!({ "category": null, "product_id": product }));
    let made = manager.post(PATH, both).await.expect(201);
    let path = format!("{PATH}/{}", id(&made));
    let problem = manager.patch(&path, 1, json!({ "category": "轴承" })).await.expect(422);
    assert_eq!(codes(&problem), "/product_id contradiction");
    let told = manager.patch(&path, 1, json!({ "owner_id": other.id })).await.expect(403);
    assert_eq!(told["code"], "not_your_person");
    let line = json!({ "category": "轴承", "product_id": null, "owner_id": seller.id });
    let changed = manager.patch(&path, 1, line).await.expect(200);
    assert_eq!((&changed["category"], &changed["product_id"]), (&json!("轴承"), &Value::Null));
    for (query, count) in [
        ("category=轴承", 1),
        ("category=密封件", 0),
        ("status=open,won", 1),
        ("overdue=true", 0),
        ("overdue=false", 1),
        ("next_step_from=2026-11-26", 0),
        ("next_step_to=2026-11-26", 1),
    ] {
        let query = query.replace('轴', "%E8%BD%B4").replace('承', "%E6%89%BF");
        let query = query.replace("密封件", "%E5%AF%86%E5%B0%81%E4%BB%B6");
        for sort in ["next_step_on", "-next_step_on", "-created_at"] {
            let url = format!("{PATH}?total=exact&sort={sort}&{query}");
            assert_eq!(seller.get(&url).await.expect(200)["total"], count, "{query}");
        }
        assert_eq!(other.get(&format!("{PATH}?{query}")).await.expect(200)["items"], json!([]));
    }
}

#[actix_web::test]
async fn those_without_a_step_come_first() {
    let service = service().await;
    let (seller, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let mut mine = vec![];
    for tier in [json!("A"), json!("B"), json!("A"), json!("B"), json!("C"), Value::Null] {
        mine.push(customer(&seller, json!({ "tier": tier })).await);
    }
    let lost = customer(&seller, json!({})).await;
    let why = json!({ "reason": "never pays" });
    let director = service.actor(Role::SalesDirector).await;
    director.post(&format!("/api/v1/customers/{lost}/blacklist"), why.clone()).await.expect(200);
    let theirs = customer(&other, json!({})).await;
    other.post(PATH, step(&theirs, json!({}))).await.expect(201);
    for (n, day) in [(1, "2026-11-24"), (2, "2026-11-23"), (2, "2026-12-23"), (3, "2026-11-22")] {
        let made = step(&mine[n], json!({ "next_step_on": day, "next_step": day }));
        let made = seller.post(PATH, made).await.expect(201);
        if n == 3 {
            let path = format!("{PATH}/{}/drop", id(&made));
            seller.post(&path, why.clone()).await.expect(200);
        }
    }
    service.inner.clock.set(Timestamp("2026-11-24T02:00:00Z".parse().unwrap()));
    let seller = service.signed_in(seller.id);
    let (mut rows, mut cursor) = (vec![], String::new());
    loop {
        let page = seller.get(&format!("{LIST}?limit=1&total=exact{cursor}")).await.expect(200);
        rows.extend(page["items"].as_array().unwrap().clone());
        assert_eq!(page["total"], 4);
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let of = |row: &Value| row["customer_id"].as_str().unwrap().to_owned();
    let order: Vec<String> = rows.iter().map(of).collect();
    let without: BTreeSet<&String> = order[..2].iter().collect();
    assert_eq!(without, BTreeSet::from([&mine[0], &mine[3]]), "the dropped step is none");
    assert_eq!(order[2..], [mine[2].clone(), mine[1].clone()]);
    let told = |row: &Value| {
        (row["open_steps"].clone(), row["overdue"].clone(), row["step"]["next_step_on"].clone())
    };
    assert_eq!(told(&rows[0]), (json!(0), json!(false), Value::Null));
    assert_eq!(told(&rows[2]), (json!(2), json!(true), json!("2026-11-23")));
    assert_eq!(told(&rows[3]), (json!(1), json!(false), json!("2026-11-24")), "it is today");
    // The list of opportunities.
    let steps = seller.get(&format!("{PATH}?status=open&total=exact")).await.expect(200);
    let open: i64 = rows.iter().map(|it| it["open_steps"].as_i64().unwrap()).sum();
    assert_eq!(steps["total"], open);
    let late = seller.get(&format!("{PATH}?overdue=true")).await.expect(200);
    let late: Vec<String> = late["items"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(late, [mine[2].clone()]);
    service.actor(Role::Finance).await.get(LIST).await.expect(403);
}

/// Imports orders: customer, product, day and amount.
async fn ordered(service: &Service, rows: &[(&str, &Value, &str, &str)]) {
    let erp = service.client(Role::Erp, "sap").await;
    let item = |(n, (customer, product, day, amount)): (usize, &(&str, &Value, &str, &str))| {
        json!({ "external_id": n.to_string(), "number": n.to_string(), "status": "confirmed",
            "customer_id": customer, "order_date": day,
            "lines": [{ "product_id": product, "quantity": "1", "amount": amount }] })
    };
    let items: Vec<Value> = rows.iter().enumerate().map(item).collect();
    let told = erp.post("/api/v1/orders/batch", json!({ "items": items })).await.expect(200);
    assert_eq!(told["created"], rows.len(), "{told:#}");
}

/// Computes the gaps from the lists of orders and products: the purchases of similar customers
/// within a year, by category.
async fn counted(admin: &Actor<'_>, customer: &str, similar: &[String]) -> Vec<Value> {
    let products = admin.get("/api/v1/products?limit=200").await.expect(200);
    let category: BTreeMap<String, String> = products["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (id(it), it["category"].as_str().unwrap().to_owned()))
        .collect();
    let bought = async |customer: &str| {
        let url = format!(
            "/api/v1/orders?customer_id={customer}&limit=200&status=confirmed,closed\
            &order_date_from=2025-11-21&order_date_to=2026-11-21"
        );
        let orders = admin.get(&url).await.expect(200);
        let mut sums = BTreeMap::<String, f64>::new();
        for order in orders["items"].as_array().unwrap() {
            for line in order["lines"].as_array().unwrap() {
                let line_of = &category[line["product_id"].as_str().unwrap()];
                let amount: f64 = line["amount"].as_str().unwrap().parse().unwrap();
                *sums.entry(line_of.clone()).or_default() += amount;
            }
        }
        sums
    };
    let own = bought(customer).await;
    let mut others = BTreeMap::<String, Vec<f64>>::new();
    for other in similar {
        for (category, sum) in bought(other).await {
            others.entry(category).or_default().push(sum);
        }
    }
    let mut gaps: Vec<(usize, String, f64)> = others
        .into_iter()
        .filter(|(category, sums)| {
            !own.contains_key(category) && 100 * sums.len() >= 30 * similar.len()
        })
        .map(|(category, sums)| {
            let buyers = sums.len();
            (buyers, category, sums.iter().sum::<f64>() / f64::from(u32::try_from(buyers).unwrap()))
        })
        .collect();
    gaps.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let gap = |(buyers, category, average): (usize, String, f64)| {
        let share = 100 * buyers / similar.len();
        let average = if buyers > 1 { json!(format!("{average:.2}")) } else { Value::Null };
        json!({ "category": category, "share_percent": share.to_string(),
            "average_amount": average })
    };
    gaps.into_iter().map(gap).collect()
}

#[actix_web::test]
async fn gaps_are_what_the_lists_of_orders_have() {
    let service = service().await;
    let (seller, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let admin = service.actor(Role::Admin).await;
    let mut product = BTreeMap::new();
    for name in ["bearings", "seals", "belts", "pumps", "oil"] {
        let new = json!({ "code": name, "name": name, "category": name });
        product.insert(name, admin.post("/api/v1/products", new).await.expect(201)["id"].clone());
    }
    let this = customer(&seller, json!({})).await;
    let mut similar = vec![];
    for _ in 0..2 {
        similar.push(customer(&other, json!({})).await);
    }
    let gaps = async |of: &Actor<'_>, customer: &str| {
        of.get(&format!("/api/v1/customers/{customer}/product-gaps")).await
    };
    let few = gaps(&seller, &this).await.expect(200);
    assert_eq!(
        (&few["similar_customers"], &few["enough_similar_customers"], &few["gaps"]),
        (&json!(2), &json!(false), &json!([]))
    );
    for _ in 0..2 {
        similar.push(customer(&other, json!({})).await);
    }
    // The other customers differ in tier, industry or region.
    let mut unlike = vec![];
    for changes in
        [json!({ "tier": "B" }), json!({ "industry": "化工" }), json!({ "region": null })]
    {
        unlike.push(customer(&other, changes).await);
    }
    let (day, old) = ("2026-03-02", "2025-11-20");
    let (mut rows, p) = (vec![(this.as_str(), &product["bearings"], day, "5.00")], &product);
    for (n, it) in similar.iter().enumerate() {
        rows.push((it, &p["bearings"], day, "100.00"));
        if n < 3 {
            rows.push((it, &p["seals"], "2025-11-21", ["10.00", "20.00", "60.00"][n]));
            rows.push((it, &p["seals"], "2026-11-20", "30.00"));
        }
        // A year and a day ago.
        rows.push((it, &p["pumps"], old, "1000.00"));
    }
    rows.push((&this, &p["seals"], old, "7.00"));
    rows.push((&similar[0], &p["belts"], day, "44.00"));
    rows.push((&similar[3], &p["belts"], day, "66.00"));
    rows.push((&similar[3], &p["oil"], day, "9.00"));
    for it in &unlike {
        rows.push((it, &p["oil"], day, "9.00"));
    }
    ordered(&service, &rows).await;
    let told = gaps(&seller, &this).await;
    let text = String::from_utf8_lossy(&told.bytes).into_owned();
    let told = told.expect(200);
    assert_eq!((&told["similar_customers"], &told["as_of"]), (&json!(4), &json!("2026-11-20")));
    let expected = json!([
        { "category": "seals", "share_percent": "75", "average_amount": "60.00" },
        { "category": "belts", "share_percent": "50", "average_amount": "55.00" },
    ]);
    assert_eq!(told["gaps"], expected);
    assert_eq!(*told["gaps"].as_array().unwrap(), counted(&admin, &this, &similar).await);
    assert!(similar.iter().all(|it| !text.contains(it.as_str())), "shares, never names");
    // One of four is 25 %, which is no gap. One of three is a gap, but the amount would reveal the
    // customer.
    let path = format!("/api/v1/customers/{}", similar[3]);
    let version = admin.get(&path).await.expect(200)["version"].as_i64().unwrap();
    admin.patch(&path, version, json!({ "region": "华南" })).await.expect(200);
    similar.pop();
    let told = gaps(&seller, &this).await.expect(200);
    let belts = json!({ "category": "belts", "share_percent": "33.33", "average_amount": null });
    assert_eq!(told["gaps"][1], belts);
    // Returned goods do not count as purchases.
    let belts = admin.get(&format!("/api/v1/orders?customer_id={}&limit=200", similar[0])).await;
    let belts = belts.expect(200)["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["amount"] == "44.00")
        .unwrap()
        .clone();
    let cancel = format!("/api/v1/orders/{}/cancel", id(&belts));
    admin.post(&cancel, json!({ "reason": "wrong" })).await.expect(200);
    let told = gaps(&seller, &this).await.expect(200);
    assert_eq!(told["gaps"].as_array().unwrap().len(), 1, "{told:#}");
    // Two similar customers are too few for a figure.
    let path = format!("/api/v1/customers/{}", similar[2]);
    let version = admin.get(&path).await.expect(200)["version"].as_i64().unwrap();
    admin.patch(&path, version, json!({ "region": "华南" })).await.expect(200);
    let told = gaps(&seller, &this).await.expect(200);
    assert_eq!((&told["similar_customers"], &told["gaps"]), (&json!(2), &json!([])));

    gaps(&other, &this).await.expect(404);
    gaps(&service.actor(Role::Finance).await, &this).await.expect(403);
    let untold = customer(&seller, json!({ "industry": null })).await;
    assert_eq!(gaps(&seller, &untold).await.expect(200)["similar_customers"], 0);
}
