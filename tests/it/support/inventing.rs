//! Generates bodies from the document, so that new operations are tested as well.

use std::collections::BTreeMap;

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Map, Value, json};

use crate::api::openapi::DOCUMENT;
use crate::support::harness::{Actor, Service};

/// A small random number generator with a seed, so that failures can be reproduced.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        // Knuth's multiplier; the high bits are the most random.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }
}

/// Generates bodies that are valid by the document, and often also by the business rules.
pub struct Inventor {
    pub dice: Dice,
    /// Existing rows, by the name of the fields that refer to them
    pub known: BTreeMap<&'static str, Vec<String>>,
    count: usize,
}

/// Creates receivables of a customer and rows that follow from them.
async fn owed(admin: &Actor<'_>, customer: &Value, n: u8) -> Vec<(&'static str, Value)> {
    let make = async |path: &str, mut body: Value| {
        body["customer_id"] = customer.clone();
        admin.post(&format!("/api/v1/{path}"), body).await.expect(201)
    };
    let new = json!({ "amount": "100", "invoice_date": "2026-01-01" });
    let invoice = make("invoices", new).await;
    let post = format!("/api/v1/invoices/{}/post", invoice["id"].as_str().unwrap());
    admin.post(&post, Value::Null).await.expect(200);
    let lost = json!({ "invoice_id": invoice["id"], "reason": "x" });
    let lost = admin.post("/api/v1/write-off-requests", lost).await.expect(201);
    let books = json!({ "external_id": format!("{n}"), "as_of": format!("2026-01-0{}", n + 1),
        "amount": "5" });
    let books = json!({ "source_system": "sap", "items": [books] });
    let books = admin.post("/api/v1/control-balances/batch", books).await.expect(200);
    vec![
        ("invoice", invoice),
        ("task", make("objects/task", json!({ "title": "x", "due_on": "2031-01-01" })).await),
        ("payment", make("payments", json!({ "amount": "50" })).await),
        ("promise", make("promises", json!({ "due_on": "2099-01-01", "amount": "5" })).await),
        ("risk-case", make("risk-cases", json!({ "trigger": "other" })).await),
        ("write-off-request", lost),
        ("control-balance", books["results"][0].clone()),
    ]
}

/// Defines types of objects. Returns all types.
async fn types(admin: &Actor<'_>) -> Vec<Value> {
    let label = json!({ "zh": "甲", "en": "A" });
    for key in ["one", "two"] {
        let definition = json!({ "key": key, "label": label, "prefix": "N", "readers": ["admin"],
            "creators": ["admin"], "states": [{ "key": "new", "label": label }],
            "fields": [{ "key": "title", "label": label, "type": "text" }] });
        let new = json!({ "definition": definition });
        admin.post("/api/v1/object-types", new).await.expect(201);
    }
    let types = admin.get("/api/v1/object-types").await.expect(200);
    types["items"].as_array().unwrap().clone()
}

impl Inventor {
    /// Starts a service on the day for which the dates of the document's examples are made. On
    /// another day many examples would be too early or too late.
    pub async fn service() -> Service {
        let day = "2026-11-30T02:00:00Z".parse().unwrap();
        Service::start_at(Clock::fixed(Timestamp(day))).await
    }

    /// Creates some rows of every kind as an admin.
    pub async fn with_rows(service: &Service, admin: &Actor<'_>, seed: u64) -> Self {
        let controller = service.actor(Role::CreditController).await;
        let mut known = BTreeMap::<_, Vec<String>>::new();
        let mut keep = |name, row: &Value| {
            known.entry(name).or_default().push(row["id"].as_str().unwrap().to_owned());
        };
        for n in 0..4 {
            let text = format!("{n}");
            let make = async |path: &str, body: Value| {
                admin.post(&format!("/api/v1/{path}"), body).await.expect(201)
            };
            let seller = service.actor(Role::Salesperson).await;
            keep("user", &json!({ "id": seller.id }));
            let team = make("teams", json!({ "code": text, "name": text })).await;
            keep("team", &team);
            let member = json!({ "user_id": seller.id, "leads": n == 0 });
            let path = format!("teams/{}/memberships", team["id"].as_str().unwrap());
            keep("membership", &make(&path, member).await);
            keep("territory", &make("territories", json!({ "code": text, "name": text })).await);
            let product = json!({ "code": text, "name": text, "list_price": "12.34" });
            let product = make("products", product).await;
            keep("product", &product);
            let customer = json!({ "name": text, "owner_id": seller.id, "source_system": "sap",
                "external_id": text });
            let customer = make("customers", customer).await;
            keep("customer", &customer);
            keep(
                "contact",
                &make("contacts", json!({ "name": text, "customer_id": customer["id"] })).await,
            );
            let order = json!({ "customer_id": customer["id"],
                "lines": [{ "product_id": product["id"], "quantity": "2" }] });
            let order = make("orders", order).await;
            keep("order", &order);
            let target = json!({ "owner_type": "user", "owner_id": seller.id, "value": "100",
                "period_type": "year", "period_start": format!("203{n}-01-01") });
            keep("target", &make("targets", target).await);
            let visit = json!({ "customer_id": customer["id"], "owner_id": admin.id });
            keep("visit", &make("visits", visit).await);
            let follow_up = json!({ "customer_id": customer["id"], "assignee_id": admin.id,
                "instruction": text, "due_at": "2099-01-01T00:00:00Z" });
            keep("follow-up", &make("follow-ups", follow_up).await);
            let file = format!("/api/v1/attachments?name={n}.txt");
            let plain = [("content-type", "text/plain")];
            let uploaded =
                admin.send_bytes(Method::POST, &file, text.clone().into_bytes(), &plain).await;
            keep("attachment", &uploaded.expect(201));
            let complaint = json!({ "customer_id": customer["id"], "category": "other",
                "description": text });
            keep("complaint", &make("complaints", complaint).await);
            let suggestion = json!({ "customer_id": customer["id"], "category": "other",
                "text": text });
            keep("suggestion", &make("suggestions", suggestion).await);
            let step = json!({ "customer_id": customer["id"], "category": text,
                "next_step": text, "next_step_on": "2099-01-01" });
            keep("opportunity", &make("opportunities", step).await);
            let of_customer = format!("customers/{}", customer["id"].as_str().unwrap());
            let asked = format!("{of_customer}/credit-investigations");
            keep("credit-investigation", &make(&asked, json!({ "reason": text })).await);
            let terms = json!({ "payment_days": n, "credit_limit": "1", "reason": text });
            keep("terms-request", &make(&format!("{of_customer}/terms-requests"), terms).await);
            let until = service.inner.clock.now().0 + std::time::Duration::from_hours(1);
            let more = json!({ "amount": "1", "reason": text, "expires_at": until.to_string() });
            let path = format!("/api/v1/{of_customer}/credit-overrides");
            keep("credit-override", &controller.post(&path, more).await.expect(201));
            // Cancelled, so that the order does not change.
            let sent = json!({ "external_id": text, "order_id": order["id"],
                "status": "cancelled",
                "shipped_on": "2031-01-05", "lines": [{ "line_number": 1, "quantity": "1" }] });
            let sent = json!({ "source_system": "sap", "items": [sent] });
            let sent = admin.post("/api/v1/shipments/batch", sent).await.expect(200);
            keep("shipment", &sent["results"][0]);
            for (name, row) in owed(admin, &customer["id"], n).await {
                keep(name, &row);
            }
            let rate = json!({ "from": "USD", "to": "CNY", "rate": "7.1",
                "valid_on": format!("2026-01-0{}", n + 1) });
            keep("exchange-rate", &make("exchange-rates", rate).await);
            let day =
                json!({ "date": format!("2030-02-0{}", n + 1), "kind": "holiday", "name": text });
            keep("holiday", &make("holidays", day).await);
            keep("survey", &make("surveys", crate::surveys::new_survey()).await);
            let hook = json!({ "url": "https://example.com/" });
            keep("webhook", &make("webhooks", hook).await);
            let early = json!({ "external_id": format!("early {n}"), "name": text,
                "customer_external_id": format!("nobody {n}") });
            let early = json!({ "source_system": "sap", "items": [early],
                "unknown_references": "park" });
            let early = admin.post("/api/v1/contacts/batch", early).await.expect(200);
            assert_eq!(early["pending"], 1, "{early:#}");
            let client = json!({ "name": text, "roles": ["reporter"] });
            keep("api-client", &make("api-clients", client).await);
        }
        let waiting = admin.get("/api/v1/pending-items").await.expect(200);
        waiting["items"].as_array().unwrap().iter().for_each(|it| keep("pending-item", it));
        types(admin).await.iter().for_each(|it| keep("object-type", it));
        crate::receivables::collect(service).await;
        let tasks = service.texts("select id::text from collection_tasks order by id").await;
        known.insert("collection-task", tasks);
        Self { dice: Dice(seed), known, count: 0 }
    }

    /// The path of an operation with ids of existing rows.
    pub fn path(&mut self, template: &str) -> String {
        let mut steps: Vec<String> = vec![];
        for step in template.split('/') {
            let above = steps.last().map_or("", |it| it.as_str());
            let kind = match above {
                "territories" => "territory".to_owned(),
                "opportunities" => "opportunity".to_owned(),
                plural => plural.trim_end_matches('s').to_owned(),
            };
            let step = match step {
                "{code}" => "not_found".to_owned(),
                "{type}" => "task".to_owned(),
                "{action}" => "accept".to_owned(),
                step if step.starts_with('{') => self.id(&kind),
                step => step.to_owned(),
            };
            steps.push(step);
        }
        steps.join("/")
    }

    fn id(&mut self, kind: &str) -> String {
        match self.known.get(kind) {
            Some(ids) => ids[self.dice.roll(ids.len())].clone(),
            None => uuid::Uuid::nil().to_string(),
        }
    }

    /// A body for this operation, if it takes one.
    pub fn body(&mut self, operation: &Value) -> Option<Value> {
        let content = operation["requestBody"]["content"].as_object()?;
        let schema = &content.values().next()?["schema"];
        let schema = resolved(schema);
        // Examples of the document are meaningful; generated values cover more cases.
        match (&schema["example"], self.dice.roll(2)) {
            (Value::Object(example), 0) => {
                let mut body = Value::Object(example.clone());
                self.refer(&mut body);
                Some(body)
            }
            _ => Some(self.value("", &schema)),
        }
    }

    /// Replaces the ids of an example by those of existing rows.
    fn refer(&mut self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.strip_suffix("_id"), &value) {
                        (Some(name), Value::String(_)) => *value = self.reference(name).into(),
                        _ => self.refer(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.refer(item)),
            _ => {}
        }
    }

    fn reference(&mut self, name: &str) -> String {
        let kind = match name {
            "owner" | "salesperson" | "to_owner" | "new_owner" | "assignee" | "about_user"
            | "made_by" => "user",
            "merged" | "loser" => "customer",
            "corrects_invoice" => "invoice",
            "risk_case" => "risk-case",
            name => name,
        };
        self.id(kind)
    }

    fn value(&mut self, name: &str, schema: &Value) -> Value {
        let schema = resolved(schema);
        if let Some(options) = schema["enum"].as_array() {
            return options[self.dice.roll(options.len())].clone();
        }
        let number = |name: &str, least: i64| schema[name].as_i64().unwrap_or(least);
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|it| *it != "null").cloned(),
            Value::Null => schema["properties"].is_object().then(|| json!("object")),
            one => Some(one.clone()),
        };
        match kind.as_ref().and_then(Value::as_str) {
            Some("object") => self.object(&schema),
            Some("array") => {
                let item = self.value(name, &schema["items"]);
                let more = self.dice.roll(2) == 0 && number("maxItems", 1) > 1 && item.is_object();
                if more { json!([item, self.value(name, &schema["items"])]) } else { json!([item]) }
            }
            Some("integer") => {
                json!(number("minimum", 1) + i64::try_from(self.dice.roll(2)).unwrap())
            }
            Some("number") => json!(12.5),
            Some("boolean") => json!(self.dice.roll(4) == 0),
            Some("string") => self.text(name, &schema).into(),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &Value) -> Value {
        let mut fields = Map::new();
        let required = |name: &String| {
            schema["required"].as_array().is_some_and(|it| it.iter().any(|it| it == name))
        };
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let other = name.ends_with("_external_id") || name.ends_with("_source_system");
            let rare = other || matches!(&**name, "id" | "parent_id" | "dry_run" | "atomic");
            let reference =
                name.ends_with("_id") && field["format"] == "uuid" && name != "parent_id";
            let skipped = if rare { self.dice.roll(20) > 0 } else { self.dice.roll(3) == 0 };
            if required(name) || !skipped || reference && self.dice.roll(4) > 0 {
                fields.insert(name.clone(), self.value(name, field));
            }
        }
        Value::Object(fields)
    }

    fn text(&mut self, name: &str, schema: &Value) -> String {
        self.count += 1;
        let n = self.count;
        match (schema["format"].as_str(), schema["pattern"].as_str()) {
            (Some("uuid"), _) => self.reference(name.trim_end_matches("_id")),
            (Some("date"), _) => format!("2031-{:02}-01", 1 + n % 12),
            (Some("date-time"), _) => "2026-11-01T00:00:00Z".into(),
            (Some("email"), _) => format!("n{n}@example.cn"),
            (_, Some("^[A-Z]{3}$")) => "CNY".into(),
            (_, Some(pattern)) if pattern.contains('@') => format!("n{n}@example.cn"),
            (_, Some(pattern)) if pattern.starts_with("^[a-z]") => format!("n{n}"),
            (_, Some(_)) => format!("{}.5", n % 90),
            _ if name == "source_system" => "sap".into(),
            _ if name == "time_zone" => "Asia/Shanghai".into(),
            _ if name.contains("password") => format!("a long one of the tests {n}"),
            _ => format!("n{n}"),
        }
    }
}

/// Resolves the references of a schema and merges its parts.
fn resolved(schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return resolved(DOCUMENT.pointer(&name[1..]).unwrap());
    }
    let parts = ["allOf", "oneOf", "anyOf"].into_iter().find_map(|name| schema[name].as_array());
    let Some(parts) = parts else { return schema.clone() };
    if schema["allOf"].is_null() {
        // A nullable type.
        return resolved(parts.last().unwrap());
    }
    let (mut properties, mut required, mut whole) = (Map::new(), vec![], Map::new());
    for part in parts {
        let part = resolved(part);
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
        whole.extend(part.as_object().cloned().unwrap_or_default());
    }
    whole.insert("example".into(), schema["example"].clone());
    if !properties.is_empty() {
        whole.insert("type".into(), "object".into());
        whole.insert("properties".into(), properties.into());
        whole.insert("required".into(), required.into());
    }
    Value::Object(whole)
}
