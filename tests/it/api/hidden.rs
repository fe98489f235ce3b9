//! Hidden rows: every operation behaves as if a row that the caller may not see did not exist.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::openapi;
use crate::support::harness::{Actor, Answer, Service};
use crate::support::inventing::Inventor;
use crate::support::sampling::{is_sampled, or_in_torture};

/// Boris has a customer with all kinds of rows. Anna and her manager see none of them. Clara is in
/// Anna's team.
pub struct World<'a> {
    pub boris: Actor<'a>,
    pub anna: Actor<'a>,
    pub manager: Actor<'a>,
    /// Boris' rows by collection
    pub hidden: Vec<(&'static str, String)>,
    pub product: Value,
    /// A customer of Anna
    pub own: String,
}

pub const SECRET: &str = "Geheimrat";

impl<'a> World<'a> {
    pub async fn of(service: &'a Service) -> Self {
        let (anna, boris) =
            (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
        let (manager, clara) =
            (service.actor(Role::SalesManager).await, service.actor(Role::Salesperson).await);
        service.team(None, &manager, &[&anna, &clara]).await;
        let admin = service.actor(Role::Admin).await;
        let product = json!({ "code": "P", "name": "P", "list_price": "10" });
        let product = admin.post("/api/v1/products", product).await.expect(201)["id"].clone();
        let controller = service.actor(Role::CreditController).await;
        let erp = service.client(Role::Erp, "erp").await;
        let (mut hidden, mut own) = (vec![], String::new());
        for seller in [&boris, &clara, &anna] {
            let name = if seller.id == boris.id { SECRET } else { "public" };
            let customer = json!({ "name": format!("{name} & Sons {}", seller.id), "code": code(name, seller.id),
                "source_system": "sap", "external_id": format!("{name} {}", seller.id), "phone": phone(seller.id) });
            let customer =
                seller.post("/api/v1/customers", customer).await.expect(201)["id"].clone();
            let contact = json!({ "customer_id": customer, "name": name });
            let contact = seller.post("/api/v1/contacts", contact).await.expect(201)["id"].clone();
            let order = json!({ "customer_id": customer, "channel": name, "order_date": "2026-03-02",
                "lines": [{ "product_id": product, "quantity": "3" }] });
            let order = seller.post("/api/v1/orders", order).await.expect(201)["id"].clone();
            let path = format!("/api/v1/orders/{}", order.as_str().unwrap());
            admin.post(&format!("{path}/submit"), Value::Null).await.expect(200);
            admin.post(&format!("{path}/confirm"), Value::Null).await.expect(200);
            let target = json!({ "owner_type": "user", "owner_id": seller.id, "value": "7",
                "period_type": "month", "period_start": "2026-03-01" });
            let target = seller.post("/api/v1/targets", target).await.expect(201)["id"].clone();
            let visit = json!({ "customer_id": customer, "purpose": name });
            let visit = seller.post("/api/v1/visits", visit).await.expect(201)["id"].clone();
            let at = format!("/api/v1/visits/{}", visit.as_str().unwrap());
            let there = crate::visits::there(service);
            seller.post(&format!("{at}/check-in"), there).await.expect(200);
            let advice = json!({ "topic": "other", "advice": name });
            let advice = seller.post(&format!("{at}/cashflow-advice"), advice).await.expect(201);
            let follow_up = json!({ "customer_id": customer, "instruction": name,
                "due_at": "2099-01-01T00:00:00Z" });
            let follow_up =
                seller.post("/api/v1/follow-ups", follow_up).await.expect(201)["id"].clone();
            let complaint = json!({ "customer_id": customer, "category": "other",
                "description": name });
            let complaint = seller.post("/api/v1/complaints", complaint).await.expect(201);
            let suggestion = json!({ "customer_id": customer, "category": "other", "text": name });
            let suggestion = seller.post("/api/v1/suggestions", suggestion).await.expect(201);
            let step = json!({ "customer_id": customer, "category": name, "next_step": name,
                "next_step_on": "2099-01-01" });
            let step = seller.post("/api/v1/opportunities", step).await.expect(201);
            let of_customer = format!("/api/v1/customers/{}", customer.as_str().unwrap());
            let asked = format!("{of_customer}/credit-investigations");
            let asked = seller.post(&asked, json!({ "reason": name })).await.expect(201);
            let terms = json!({ "payment_days": 7, "credit_limit": "77", "reason": name });
            let terms =
                seller.post(&format!("{of_customer}/terms-requests"), terms).await.expect(201);
            let until = service.inner.clock.now().0 + Duration::from_hours(1);
            let more = json!({ "amount": "7", "reason": name, "expires_at": until.to_string() });
            let more = controller.post(&format!("{of_customer}/credit-overrides"), more).await;
            let more = more.expect(201)["id"].clone();
            let sent = json!({ "items": [{ "external_id": format!("{name} {}", seller.id),
                "order_id": order, "shipped_on": "2026-03-05",
                "lines": [{ "line_number": 1, "quantity": "1" }] }] });
            let sent = erp.post("/api/v1/shipments/batch", sent).await.expect(200);
            let sent = sent["results"][0]["id"].clone();
            let owed = owed(service, &admin, &customer, name).await;
            own = customer.as_str().unwrap().to_owned();
            if seller.id == boris.id {
                hidden.extend(owed);
                let rows = [
                    ("customers", customer),
                    ("contacts", contact),
                    ("orders", order),
                    ("targets", target),
                    ("visits", visit),
                    ("cashflow-advice", advice["id"].clone()),
                    ("follow-ups", follow_up),
                    ("complaints", complaint["id"].clone()),
                    ("suggestions", suggestion["id"].clone()),
                    ("opportunities", step["id"].clone()),
                    ("credit-investigations", asked["id"].clone()),
                    ("terms-requests", terms["id"].clone()),
                    ("credit-overrides", more),
                    ("shipments", sent),
                ];
                hidden.extend(rows.map(|it| (it.0, it.1.as_str().unwrap().to_owned())));
            }
        }
        Self { boris, anna, manager, hidden, product, own }
    }

    pub fn id(&self, of: &str) -> &str {
        &self.hidden.iter().find(|it| it.0 == of).unwrap().1
    }
}

/// Creates receivables of a customer and all rows that follow from them.
async fn owed(
    service: &Service,
    admin: &Actor<'_>,
    customer: &Value,
    name: &str,
) -> Vec<(&'static str, String)> {
    let make = async |of: &'static str, new: Value| {
        let made = admin.post(&format!("/api/v1/{of}"), new).await.expect(201);
        (of, made["id"].as_str().unwrap().to_owned())
    };
    let new = json!({ "customer_id": customer, "amount": "77", "invoice_date": "2026-01-01" });
    let invoice = make("invoices", new).await;
    let post = format!("/api/v1/invoices/{}/post", invoice.1);
    admin.post(&post, Value::Null).await.expect(200);
    let paid = json!([{ "invoice_id": invoice.1, "amount": "7" }]);
    let payment =
        json!({ "customer_id": customer, "amount": "17", "note": name, "allocations": paid });
    let promise =
        json!({ "customer_id": customer, "due_on": "2099-01-01", "amount": "7", "note": name });
    let case = json!({ "customer_id": customer, "trigger": "other", "note": name });
    let lost = json!({ "invoice_id": invoice.1, "reason": name });
    crate::receivables::collect(service).await;
    let task = format!("select id::text from collection_tasks where customer_id = {customer}");
    let task = service.texts(&task.replace('"', "'")).await.remove(0);
    vec![
        ("payments", make("payments", payment).await.1),
        ("promises", make("promises", promise).await.1),
        ("risk-cases", make("risk-cases", case).await.1),
        ("write-off-requests", make("write-off-requests", lost).await.1),
        ("collection-tasks", task),
        invoice,
    ]
}

/// A short, unique code.
pub fn code(name: &str, id: Uuid) -> String {
    format!("{name}{}", &id.simple().to_string()[20..])
}

/// A unique phone number.
pub fn phone(id: Uuid) -> String {
    format!("138{:08}", id.as_u128() % 100_000_000)
}

/// The whole answer without the id of the request.
pub fn said(answer: &Answer) -> (u16, Value, Vec<String>) {
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("instance");
        // The time of a report differs each time.
        body.remove("generated_at");
        body.remove("parameters");
    }
    let own = ["x-request-id", "date", "link"];
    let headers = answer.headers.iter().filter(|it| !own.contains(&it.0.as_str()));
    let mut headers: Vec<_> =
        headers.map(|it| format!("{}: {}", it.0, it.1.to_str().unwrap())).collect();
    headers.sort();
    (answer.status.as_u16(), body, headers)
}

#[actix_web::test]
async fn not_mine_is_not_there_for_every_operation() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    let mut inventor = Inventor::with_rows(&service, &admin, 3).await;
    let world = World::of(&service).await;
    let mut cells = 0;
    for (template, method, operation) in openapi::operations() {
        let of = template.split('/').nth(3).unwrap_or_default();
        let Some((_, id)) = world.hidden.iter().find(|it| it.0 == of) else { continue };
        if !template.contains("{id}") {
            continue;
        }
        let body = inventor.body(operation);
        let method: Method = method.to_uppercase().parse().unwrap();
        for actor in [&world.anna, &world.manager] {
            let ask = async |id: &str| {
                let url = template.replace("{id}", id).replace("{transfer_id}", id);
                let tag = [("if-match", "\"1\"")];
                said(&actor.send(method.clone(), &url, body.clone(), &tag).await)
            };
            let (mine, missing) = (ask(id).await, ask(&Uuid::now_v7().to_string()).await);
            assert_eq!(mine, missing, "{method} {template}");
            // The manager sees neither of the two customers.
            let other = template.ends_with("/merge") && mine.0 == 422;
            assert!(matches!(mine.0, 403 | 404) || other, "{method} {template}: {mine:?}");
            cells += 1;
        }
    }
    println!("{cells} cells");
    assert!(cells > 50);
    for (of, id) in &world.hidden {
        let row = world.boris.get(&format!("/api/v1/{of}/{id}")).await.expect(200);
        let made = match *of {
            "orders" => 4,
            "invoices" => 3,
            // A job has updated the promise, and a visit has begun.
            "promises" | "visits" => 2,
            _ => 1,
        };
        assert_eq!(row["version"], made, "{of}");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[actix_web::test]
async fn how_long_it_takes_tells_nothing() {
    let service = Service::start().await;
    let world = World::of(&service).await;
    for (of, id) in &world.hidden {
        let hidden = format!("/api/v1/{of}/{id}");
        let missing = format!("/api/v1/{of}/{}", Uuid::now_v7());
        let difference = async || {
            let mut times = [vec![], vec![]];
            for _ in 0..or_in_torture(200, 1_000) {
                for (path, times) in [&hidden, &missing].into_iter().zip(&mut times) {
                    let start = Instant::now();
                    assert_eq!(world.anna.get(path).await.status, 404);
                    times.push(start.elapsed());
                }
            }
            let [hidden, missing] = times.map(median);
            println!("{of}: {hidden:?} and {missing:?}");
            hidden.abs_diff(missing)
        };
        let most = Duration::from_millis(1);
        // Repeated once, because the machine may be busy.
        assert!(difference().await < most || difference().await < most, "{of}");
    }
}

/// Reads all ids of a list, page by page.
async fn listed(actor: &Actor<'_>, path: &str) -> Option<BTreeSet<String>> {
    let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = actor.get(&format!("{path}limit=3&total=exact{cursor}")).await;
        if page.status == 403 {
            return None;
        }
        let page = page.expect(200);
        let items = page["items"].as_array().unwrap().iter();
        ids.extend(items.map(|it| it["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else {
            assert_eq!(page["total"], ids.len(), "{path}");
            return Some(ids);
        };
        cursor = format!("&cursor={next}");
    }
}

#[actix_web::test]
async fn a_list_is_what_can_be_read_one_by_one() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    let inventor = Inventor::with_rows(&service, &admin, 5).await;
    let world = World::of(&service).await;
    let merged = &inventor.known["customer"];
    let merge = json!({ "loser_id": merged[1] });
    let path = format!("/api/v1/customers/{}/merge", merged[0]);
    let told = admin.post(&path, merge).await;
    assert_eq!(told.status, 200, "{:#}", told.body);
    let mut actors = vec![];
    for role in Role::ALL {
        actors.push((role.as_str(), service.actor(*role).await));
    }
    let lead = service.actor(Role::SalesManager).await;
    service.team(None, &lead, &[&world.boris]).await;
    actors.extend([
        ("anna", world.anna),
        ("boris", world.boris),
        ("manager", world.manager),
        ("lead", lead),
    ]);
    let readable = openapi::operations().filter(|it| it.1 == "get");
    let templates: BTreeSet<&str> = readable.map(|it| it.0).collect();
    let mut cells = 0;
    for collection in &templates {
        if !templates.contains(&*format!("{collection}/{{id}}")) {
            continue;
        }
        // Lists leave out merged customers by default.
        let query = if collection.ends_with("customers") { "?merged=true&" } else { "?" };
        let table = match collection.rsplit('/').next().unwrap() {
            "{type}" => "objects".to_owned(),
            name => name.replace('-', "_"),
        };
        let collection = collection.replace("{type}", "task");
        let every = service.texts(&format!("select id::text from {table}")).await;
        assert!(every.len() > 2, "{collection}");
        let gap = every.len().div_ceil(or_in_torture(16, 60));
        let every: Vec<String> = every.into_iter().step_by(gap).collect();
        for (name, actor) in &actors {
            let list = listed(actor, &format!("{collection}{query}")).await;
            let mut read = BTreeSet::new();
            for id in &every {
                let told = actor.get(&format!("{collection}/{id}")).await.status.as_u16();
                let fine = matches!((told, &list), (200 | 404, Some(_)) | (403, None));
                assert!(fine, "{collection} {name}: {told}");
                if told == 200 {
                    read.insert(id.clone());
                }
                cells += 1;
            }
            let mut list = list.unwrap_or_default();
            list.retain(|id| every.contains(id));
            assert_eq!(list, read, "{collection} {name}");
        }
    }
    println!("{cells} cells");
}

#[actix_web::test]
async fn head_and_options_say_no_more_than_get() {
    let service = Service::start().await;
    let world = World::of(&service).await;
    let mut actors = vec![service.anonymous()];
    for role in Role::ALL {
        actors.push(service.actor(*role).await);
    }
    actors.extend([service.signed_in(world.anna.id), service.signed_in(world.boris.id)]);
    let mut cells = 0;
    for (template, method, _) in openapi::operations() {
        let of = template.split('/').nth(3).unwrap_or_default();
        let hidden = world.hidden.iter().find(|it| it.0 == of).map(|it| it.1.clone());
        if method != "get" || template.contains("{code}") {
            continue;
        }
        // The user who sees the row, one who does not, and some of the others.
        let some = actors.iter().enumerate();
        let some = some.filter(|(at, _)| at + 2 >= actors.len() || is_sampled(at + cells, 4));
        let some: Vec<&Actor<'_>> = some.map(|(_, actor)| actor).collect();
        for actor in some {
            let mut options = BTreeSet::new();
            for id in hidden.iter().chain([&Uuid::nil().to_string()]) {
                let url = template.replace("{id}", id);
                let get = actor.get(&url).await;
                let head = actor.send(Method::HEAD, &url, None, &[]).await;
                assert_eq!(head.status, get.status, "{url}");
                assert_eq!(head.header("etag"), get.header("etag"));
                let told = actor.send(Method::OPTIONS, &url, None, &[]).await;
                options.insert((told.status.as_u16(), told.header("allow").to_owned()));
                cells += 1;
            }
            assert_eq!(options.len(), 1, "{template}: {options:?}");
        }
    }
    println!("{cells} cells");
}
