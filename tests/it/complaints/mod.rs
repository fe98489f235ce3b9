//! The course of complaints: registered, settled, filed and closed, and the people involved.

pub mod back_office;
pub mod machine;
pub mod proposals;
pub mod reports;
pub mod worklists;

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Answer, Service};
use crate::targets::{codes, with};

pub const COMPLAINTS: &str = "/api/v1/complaints";

pub fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

pub fn path(complaint: &Value) -> String {
    format!("{COMPLAINTS}/{}", complaint["id"].as_str().unwrap())
}

pub fn at(instant: &str) -> Timestamp {
    Timestamp(instant.parse().unwrap())
}

/// A quality complaint of the customer with this path.
pub fn about(customer: &str) -> Value {
    json!({ "customer_id": id(customer), "category": "quality", "channel": "phone",
        "description": "外壳开裂,客户要求换货" })
}

pub async fn step(actor: &Actor<'_>, path: &str, action: &str, body: Value) -> Answer {
    let body = Some(body).filter(|it| !it.is_null());
    actor.send(Method::POST, &format!("{path}/{action}"), body, &[]).await
}

#[actix_web::test]
async fn a_complaint_from_the_field_to_the_files() {
    // Monday, 10:00 in Shanghai.
    let clock = Clock::fixed(at("2026-11-23T02:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let (seller, office) =
        (service.actor(Role::Salesperson).await, service.actor(Role::BackOffice).await);
    let expert = service.actor(Role::Quality).await;
    let customer = seller.customer("上海林氏贸易有限公司").await;
    let new = seller.post(COMPLAINTS, about(&customer)).await.expect(201);
    let path = path(&new);
    assert_eq!(new["number"], "CO-2026-000001");
    assert_eq!((&new["status"], &new["severity"]), (&json!("registered"), &json!("general")));
    assert_eq!((&new["reporter_id"], &new["owner_id"]), (&json!(seller.id), &Value::Null));
    assert_eq!(new["first_response_due"], "2026-11-24T02:00:00Z");
    assert_eq!(
        (&new["interim_due"], &new["resolve_due"]),
        (&Value::Null, &json!("2026-11-26T02:00:00Z"))
    );
    assert_eq!(new["filing_due"], "2026-11-24T10:00:00Z");
    assert_eq!(seller.get(&path).await.expect(200), new);

    let owner = json!({ "owner_id": expert.id });
    step(&seller, &path, "accept", owner.clone()).await.expect(403);
    expert.get(&path).await.expect(404);
    let accepted = step(&office, &path, "accept", owner).await.expect(200);
    assert_eq!(accepted["first_response_at"], "2026-11-23T02:00:00Z");
    let proposal = json!({ "text": "换货", "cost": "350", "customer_informed": true });
    let proposed = step(&seller, &path, "proposals", proposal).await.expect(200);
    assert_eq!(
        (&proposed["proposals"][0]["cost"], &proposed["proposals"][0]["currency"]),
        (&json!("350.00"), &json!("CNY"))
    );
    assert_eq!(proposed["interim_at"], "2026-11-23T02:00:00Z");
    step(&expert, &path, "start", Value::Null).await.expect(200);
    clock.set(at("2026-11-23T09:00:00Z"));
    let expert = service.signed_in(expert.id);
    // From 17:00 until 11:00 on the next day are three working hours.
    step(&expert, &path, "wait", json!({ "reason": "等客户寄回样品" })).await.expect(200);
    clock.set(at("2026-11-24T03:00:00Z"));
    let (seller, office, expert) =
        (service.signed_in(seller.id), service.signed_in(office.id), service.signed_in(expert.id));
    let resumed = step(&seller, &path, "resume", Value::Null).await.expect(200);
    assert_eq!(
        (&resumed["paused_minutes"], &resumed["resolve_due"]),
        (&json!(180), &json!("2026-11-26T05:00:00Z"))
    );
    assert_eq!(
        resumed["pauses"],
        json!([{ "from": "2026-11-23T09:00:00Z", "to": "2026-11-24T03:00:00Z" }])
    );
    let how = json!({ "resolution": "换货", "root_cause": "受潮" });
    step(&seller, &path, "resolve", how.clone()).await.expect(403);
    let paid = with(how.clone(), &json!({ "compensation_amount": "1" }));
    let refused = step(&expert, &path, "resolve", paid).await.expect(422);
    assert_eq!(
        (&refused["code"], &refused["limit"]),
        (&json!("authority_exceeded"), &json!("0.00"))
    );
    let resolved = step(&expert, &path, "resolve", how).await.expect(200);
    assert_eq!(
        (&resolved["resolution_mode"], &resolved["resolve_breached"]),
        (&json!("office"), &json!(false))
    );

    let code = async |actor: &Actor<'_>, action: &str| {
        step(actor, &path, action, Value::Null).await.expect(409)["code"].clone()
    };
    assert_eq!(code(&office, "close").await, "not_filed");
    let filed = step(&office, &path, "file", Value::Null).await.expect(200);
    assert_eq!(
        (&filed["filed_no"], &filed["filed_by"]),
        (&json!("BA-2026-0001"), &json!(office.id))
    );
    assert_eq!(code(&office, "file").await, "already_filed");
    assert_eq!(code(&office, "close").await, "not_confirmed");
    let call = json!({ "satisfaction": 4 });
    step(&office, &path, "follow-up-call", call.clone()).await.expect(200);
    let twice = step(&office, &path, "follow-up-call", call).await.expect(409);
    assert_eq!(twice["code"], "already_called");
    let closed = step(&office, &path, "close", Value::Null).await.expect(200);
    assert_eq!((&closed["status"], &closed["satisfaction"]), (&json!("closed"), &json!(4)));

    clock.set(at("2026-12-24T03:00:00Z"));
    let seller = service.signed_in(seller.id);
    let why = json!({ "reason": "问题再次出现" });
    let reopened = step(&seller, &path, "reopen", why).await.expect(200);
    assert_eq!((&reopened["severity"], &reopened["reopenings"]), (&json!("major"), &json!(1)));
    assert_eq!(
        (&reopened["resolve_started_at"], &reopened["satisfaction"]),
        (&json!("2026-12-24T03:00:00Z"), &Value::Null)
    );
    assert_eq!(reopened["filed_no"], "BA-2026-0001", "a number is given once");
    // Seven hours are left on the 24th; two more are needed on the 31st.
    assert_eq!(reopened["resolve_due"], "2026-12-31T03:00:00Z");
    let history = seller.get(&format!("{path}/history")).await.expect(200);
    let statuses = history["items"].as_array().unwrap().iter().rev();
    let statuses: Vec<&Value> =
        statuses.map(|it| &it["diff"]["status"]["to"]).filter(|it| !it.is_null()).collect();
    assert_eq!(
        statuses,
        [
            "registered",
            "accepted",
            "in_progress",
            "pending_customer",
            "in_progress",
            "resolved",
            "closed",
            "in_progress"
        ]
    );
}

#[actix_web::test]
async fn on_the_spot_within_authority() {
    let service = Service::start().await;
    let (seller, admin) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Admin).await);
    let office = service.actor(Role::BackOffice).await;
    let customer = seller.customer("Lin").await;
    let settled = |more: Value| {
        let how = with(json!({ "resolution": "当场更换" }), &more);
        with(about(&customer), &json!({ "resolved": how }))
    };
    let new = settled(json!({ "compensation_amount": "500", "customer_confirmed_by": "signature",
        "satisfaction": 5 }));
    let new = seller.post(COMPLAINTS, new).await.expect(201);
    assert_eq!(
        (&new["status"], &new["resolution_mode"]),
        (&json!("resolved"), &json!("on_the_spot"))
    );
    assert_eq!(
        (&new["owner_id"], &new["compensation_amount"], &new["compensation_currency"]),
        (&json!(seller.id), &json!("500.00"), &json!("CNY"))
    );
    assert!(["first_response_breached", "resolve_breached"].iter().all(|it| new[it] == false));
    assert_ne!(new["customer_confirmed_at"], Value::Null);

    let refused = async |more: Value, status: u16| {
        seller.post(COMPLAINTS, settled(more)).await.expect(status)
    };
    let problem = refused(json!({ "compensation_amount": "500.01" }), 422).await;
    assert_eq!(codes(&problem), ["/resolved/compensation_amount authority_exceeded"]);
    assert_eq!(
        (&problem["code"], &problem["limit"], &problem["currency"]),
        (&json!("authority_exceeded"), &json!("500.00"), &json!("CNY"))
    );
    let cases = [
        (json!({ "compensation_amount": "-1" }), "/resolved/compensation_amount range"),
        (json!({ "compensation_amount": 5 }), "/resolved/compensation_amount type"),
        (
            json!({ "compensation_amount": "5", "compensation_currency": "USD" }),
            "/resolved/compensation_currency no_exchange_rate",
        ),
        (json!({ "satisfaction": 6 }), "/resolved/satisfaction range"),
        (json!({ "resolution": "" }), "/resolved/resolution too_short"),
        (json!({ "filed_no": "BA-1" }), "/resolved/filed_no unknown_field"),
    ];
    for (more, expected) in cases {
        assert_eq!(codes(&refused(more, 422).await), [expected]);
    }
    assert_eq!(service.count("complaints").await, 1);

    // An amount in another currency is converted.
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" });
    admin.post("/api/v1/exchange-rates", rate).await.expect(201);
    let dollars =
        |amount: &str| json!({ "compensation_amount": amount, "compensation_currency": "USD" });
    refused(dollars("71.43"), 422).await;
    refused(dollars("71.42"), 201).await;
    let company = admin.get("/api/v1/company").await.expect(200);
    let less = json!({ "settings": { "complaint_authority_salesperson": 10 } });
    admin.patch("/api/v1/company", company["version"].as_i64().unwrap(), less).await.expect(200);
    assert_eq!(refused(json!({ "compensation_amount": "10.01" }), 422).await["limit"], "10.00");
    let manager = service.actor(Role::SalesManager).await;
    let customer = manager.customer("Wang").await;
    let new = with(
        about(&customer),
        &json!({ "resolved": { "resolution": "赔付",
        "compensation_amount": "5000" } }),
    );
    manager.post(COMPLAINTS, new.clone()).await.expect(201);
    office.post(COMPLAINTS, new.clone()).await.expect(403);
    admin.post(COMPLAINTS, new).await.expect(403);
}

#[actix_web::test]
async fn the_person_complained_about_does_not_see_to_it() {
    let service = Service::start().await;
    let (seller, office) =
        (service.actor(Role::Salesperson).await, service.actor(Role::BackOffice).await);
    let (manager, admin) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Admin).await);
    service.team(None, &manager, &[&seller]).await;
    let customer = seller.customer("Lin").await;
    let rude = |about_user: Uuid| with(about(&customer), &json!({ "about_user_id": about_user }));
    let path = path(&office.post(COMPLAINTS, rude(seller.id)).await.expect(201));
    for actor in [&office, &admin] {
        let problem =
            step(actor, &path, "accept", json!({ "owner_id": seller.id })).await.expect(422);
        assert_eq!(
            (&problem["code"], codes(&problem)),
            (&json!("owner_is_subject"), vec!["/owner_id owner_is_subject".to_owned()])
        );
    }
    step(&office, &path, "accept", json!({ "owner_id": manager.id })).await.expect(200);
    let problem =
        step(&office, &path, "assign", json!({ "owner_id": seller.id })).await.expect(422);
    assert_eq!(problem["code"], "owner_is_subject");
    let problem = office.patch(&path, 2, json!({ "about_user_id": manager.id })).await.expect(422);
    assert_eq!(codes(&problem), ["/about_user_id owner_is_subject"]);
    let on_the_spot = with(rude(seller.id), &json!({ "resolved": { "resolution": "道歉" } }));
    let problem = seller.post(COMPLAINTS, on_the_spot).await.expect(422);
    assert_eq!(codes(&problem), ["/about_user_id owner_is_subject"]);

    // Nobody decides on a complaint about themselves, not even an administrator.
    let path = self::path(&office.post(COMPLAINTS, rude(admin.id)).await.expect(201));
    let why = json!({ "reason": "不成立", "customer_informed": true });
    for (action, body) in [("accept", json!({ "owner_id": manager.id })), ("reject", why)] {
        let problem = step(&admin, &path, action, body).await.expect(403);
        assert_eq!(problem["code"], "complaint_about_you");
    }
}

#[actix_web::test]
async fn the_same_again_is_a_repeat() {
    let clock = Clock::fixed(at("2026-03-02T02:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let (seller, office) =
        (service.actor(Role::Salesperson).await, service.actor(Role::BackOffice).await);
    let (customer, other) = (seller.customer("Lin").await, seller.customer("Wang").await);
    let settled = with(
        about(&customer),
        &json!({ "resolved": { "resolution": "换货",
        "customer_confirmed_by": "signature" } }),
    );
    let first = seller.post(COMPLAINTS, settled).await.expect(201);
    // Not a repeat: the earlier complaint is not closed and can be reopened.
    let open = seller.post(COMPLAINTS, about(&customer)).await.expect(201);
    assert_eq!((&open["repeat_of_id"], &open["severity"]), (&Value::Null, &json!("general")));
    step(&office, &path(&first), "file", Value::Null).await.expect(200);
    step(&office, &path(&first), "close", Value::Null).await.expect(200);

    clock.set(at("2026-05-31T02:00:00Z"));
    service.new_month().await;
    let seller = service.signed_in(seller.id);
    let repeat = seller.post(COMPLAINTS, about(&customer)).await.expect(201);
    assert_eq!((&repeat["repeat_of_id"], &repeat["severity"]), (&first["id"], &json!("major")));
    let urgent = with(about(&customer), &json!({ "severity": "urgent" }));
    assert_eq!(seller.post(COMPLAINTS, urgent).await.expect(201)["severity"], "urgent");
    for unlike in [about(&other), with(about(&customer), &json!({ "category": "price" }))] {
        let new = seller.post(COMPLAINTS, unlike).await.expect(201);
        assert_eq!((&new["repeat_of_id"], &new["severity"]), (&Value::Null, &json!("general")));
    }
    let listed = seller.get(&format!("{COMPLAINTS}?repeat=true&total=exact")).await.expect(200);
    assert_eq!(listed["total"], 2);
    clock.set(at("2026-05-31T02:00:01Z"));
    let late = seller.post(COMPLAINTS, about(&customer)).await.expect(201);
    assert_eq!(late["repeat_of_id"], Value::Null, "after more than 90 days");
    let reopen = step(&seller, &path(&first), "reopen", json!({ "reason": "x" })).await.expect(409);
    assert_eq!((&reopen["code"], &reopen["days"]), (&json!("too_late_to_reopen"), &json!(30)));
}

#[actix_web::test]
async fn each_rule_of_a_complaint_violated_once() {
    let clock = Clock::fixed(at("2026-11-23T02:00:00Z"));
    let service = Service::start_at(clock).await;
    let seller = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    let (customer, other) = (seller.customer("Lin").await, seller.customer("Wang").await);
    let contact = json!({ "customer_id": id(&other), "name": "王芳" });
    let contact = seller.post("/api/v1/contacts", contact).await.expect(201)["id"].clone();
    let product = json!({ "code": "P", "name": "P", "list_price": "10" });
    let product = office.post("/api/v1/products", product).await.expect(201)["id"].clone();
    let line = json!([{ "product_id": product, "quantity": "1" }]);
    let order = json!({ "customer_id": id(&other), "lines": line });
    let order = seller.post("/api/v1/orders", order).await.expect(201)["id"].clone();
    let visit = json!({ "customer_id": id(&other) });
    let visit = seller.post("/api/v1/visits", visit).await.expect(201)["id"].clone();
    let cases = [
        (json!({ "visit_id": visit }), "/visit_id contradiction"),
        (json!({ "category": "weather" }), "/category unknown_value"),
        (json!({ "description": "" }), "/description too_short"),
        (json!({ "severity": "mild" }), "/severity unknown_value"),
        (json!({ "customer_id": Uuid::nil() }), "/customer_id unknown_reference"),
        (json!({ "contact_id": contact }), "/contact_id contradiction"),
        (json!({ "order_id": order }), "/order_id contradiction"),
        (json!({ "contact_id": Uuid::nil() }), "/contact_id unknown_reference"),
        (json!({ "visit_id": Uuid::nil() }), "/visit_id unknown_reference"),
        (json!({ "asset_id": Uuid::nil() }), "/asset_id unknown_reference"),
        (json!({ "about_user_id": Uuid::nil() }), "/about_user_id unknown_reference"),
        (json!({ "occurred_at": "2026-11-23T02:02:00.000001Z" }), "/occurred_at range"),
        (json!({ "occurred_at": "2025-11-01T00:00:00Z" }), "/occurred_at range"),
        (json!({ "occurred_at": "23.11.2026" }), "/occurred_at format"),
        (json!({ "status": "closed" }), "/status unknown_field"),
        (json!({ "filed_no": "BA-2026-0001" }), "/filed_no unknown_field"),
        (json!({ "owner_id": seller.id }), "/owner_id unknown_field"),
    ];
    for (more, expected) in cases {
        let problem = seller.post(COMPLAINTS, with(about(&customer), &more)).await.expect(422);
        assert_eq!(codes(&problem), [expected], "{more}");
    }
    assert_eq!(service.count("complaints").await, 0);
    assert_eq!(service.count("changes where type = 'complaint'").await, 0);

    // A product that was never sold to this customer sets a flag.
    let sold = with(about(&customer), &json!({ "product_id": product }));
    let odd = seller.post(COMPLAINTS, sold.clone()).await.expect(201);
    assert_eq!(odd["product_not_sold"], true);
    let path = format!("/api/v1/orders/{}", order.as_str().unwrap());
    step(&seller, &path, "submit", json!({})).await.expect(200);
    step(&office, &path, "confirm", json!({})).await.expect(200);
    let known = with(
        about(&other),
        &json!({ "product_id": product, "order_id": order,
            "contact_id": contact, "visit_id": visit }),
    );
    assert_eq!(seller.post(COMPLAINTS, known).await.expect(201)["product_not_sold"], false);
    let still = seller.post(COMPLAINTS, sold).await.expect(201);
    assert_eq!(still["product_not_sold"], true);

    let path = self::path(&odd);
    let why = json!({ "reason": "人为损坏", "customer_informed": false });
    let manager = service.actor(Role::SalesDirector).await;
    assert_eq!(
        codes(&step(&manager, &path, "reject", why).await.expect(422)),
        ["/customer_informed required"]
    );
    for (action, body, expected) in [
        ("reject", json!({ "customer_informed": true }), "/reason required"),
        ("resolve", json!({ "resolution": "换货" }), "/root_cause required"),
        ("withdraw", json!({}), "/statement required"),
        ("reopen", json!({}), "/reason required"),
        ("accept", json!({ "owner_id": null }), "/owner_id type"),
        ("accept", json!({ "owner_id": Uuid::nil() }), "/owner_id unknown_reference"),
        ("confirm", json!({ "by": "telepathy" }), "/by unknown_value"),
        ("follow-up-call", json!({ "satisfaction": 0 }), "/satisfaction range"),
    ] {
        let actor = if action == "reject" { &manager } else { &office };
        assert_eq!(codes(&step(actor, &path, action, body).await.expect(422)), [expected]);
    }
    let cost = step(&seller, &path, "proposals", json!({ "text": "x", "cost": "-1" })).await;
    assert_eq!(codes(&cost.expect(422)), ["/cost range"]);
    let problem = seller.patch(&path, 1, json!({ "severity": "urgent" })).await.expect(403);
    assert_eq!(codes(&problem), ["/severity forbidden_field"]);
    let urgent = office.patch(&path, 1, json!({ "severity": "urgent" })).await.expect(200);
    assert_eq!(
        (&urgent["first_response_due"], &urgent["resolve_due"]),
        (&json!("2026-11-23T04:00:00Z"), &json!("2026-11-24T02:00:00Z"))
    );
    let same = office.patch(&path, 2, json!({ "severity": "urgent" })).await.expect(200);
    assert_eq!(same["version"], 2);
    office.patch(&path, 1, json!({ "batch_no": "B" })).await.expect(412);
    let tag = [("if-match", "\"1\"")];
    let (withdraw, why) = (format!("{path}/withdraw"), json!({ "statement": "x" }));
    seller.send(Method::POST, &withdraw, Some(why), &tag).await.expect(412);
}
