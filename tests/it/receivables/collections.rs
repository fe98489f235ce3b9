//! Collections: automatic tasks, promises that payments keep, risk cases and write-offs.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{collect, differences, faults, go_to, merged, send, service};
use crate::support::harness::{Actor, Service};

pub fn item(number: &str, due: &str, more: &Value) -> Value {
    let item = json!({ "external_id": number, "number": number, "customer_external_id": "C",
        "invoice_date": "2026-06-01", "due_date": due, "amount": "100" });
    merged(item, more)
}

pub struct Desk {
    pub seller: uuid::Uuid,
    pub customer: String,
    pub invoices: Vec<String>,
}

pub async fn desk(service: &Service, items: Value) -> Desk {
    let (seller, erp) = (service.actor(Role::Salesperson).await, service.actor(Role::Erp).await);
    let customers = json!([{ "external_id": "C", "name": "Lin", "owner_id": seller.id }]);
    let made = send(&erp, "customers", customers).await;
    let customer = made["results"][0]["id"].as_str().unwrap().to_owned();
    let made = send(&erp, "invoices", items).await;
    let made = made["results"].as_array().unwrap().iter();
    let invoices = made.map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    Desk { seller: seller.id, customer, invoices }
}

/// The step, day and status of every task.
async fn tasks(service: &Service) -> Vec<String> {
    let rows = "select i.number || ' ' || step || ' ' || t.due_on || ' ' || t.status
        from collection_tasks t join invoices i on i.id = t.invoice_id order by t.due_on, i.number";
    service.texts(rows).await
}

#[actix_web::test]
async fn tasks_come_once_for_each_step() {
    let service = service().await;
    let items = json!([
        item("A", "2026-06-18", &json!({})),
        item("X", "2026-06-18", &json!({ "disputed": true })),
        item("N", "2026-06-18", &json!({ "kind": "credit_note" })),
        item("L", "2026-07-30", &json!({}))
    ]);
    let desk = desk(&service, items).await;
    assert_eq!(collect(&service).await, 1);
    assert_eq!(tasks(&service).await, ["A before_due 2026-06-15 open"]);
    assert_eq!(collect(&service).await, 0, "once");
    for (day, step) in [("2026-06-19", "first"), ("2026-07-03", "second"), ("2026-07-18", "third")]
    {
        go_to(&service, day).await;
        assert_eq!(collect(&service).await, 1, "{day}");
        assert_eq!(tasks(&service).await.last().unwrap(), &format!("A {step} {day} open"));
    }
    let open = |all: Vec<String>| all.iter().filter(|it| it.ends_with("open")).count();
    assert_eq!(open(tasks(&service).await), 1, "a later step takes the place of an earlier one");
    let seller = service.signed_in(desk.seller);
    let mine = seller.get("/api/v1/me/collections?total=exact").await.expect(200);
    assert_eq!((&mine["total"], &mine["items"][0]["step"]), (&json!(1), &json!("third")));
    // A changed setting moves the day.
    let admin = service.actor(Role::Admin).await;
    let company = admin.get("/api/v1/company").await.expect(200)["version"].as_i64().unwrap();
    let changes = json!({ "settings": { "dunning_days_last": 40 } });
    admin.patch("/api/v1/company", company, changes).await.expect(200);
    go_to(&service, "2026-07-28").await;
    assert_eq!(collect(&service).await, 2, "A for the last time, L before its day");
    // After the payment the tasks are done.
    let erp = service.actor(Role::Erp).await;
    send(
        &erp,
        "payments",
        json!([{ "external_id": "P", "number": "P", "amount": "100",
        "customer_external_id": "C", "received_on": "2026-07-28",
        "allocations": [{ "invoice_external_id": "A", "amount": "100" }] }]),
    )
    .await;
    collect(&service).await;
    let left = tasks(&service).await;
    assert_eq!(left.iter().filter(|it| it.ends_with("open")).count(), 1, "{left:#?}");
    assert!(left.contains(&"A last 2026-07-28 cancelled".to_owned()), "{left:#?}");
}

#[actix_web::test]
async fn a_result_ends_a_task_and_a_promise_is_judged() {
    let service = service().await;
    let desk = desk(
        &service,
        json!([item("A", "2026-06-10", &json!({})), item("B", "2026-06-11", &json!({}))]),
    )
    .await;
    assert_eq!(collect(&service).await, 2);
    let (seller, stranger) =
        (service.signed_in(desk.seller), service.actor(Role::Salesperson).await);
    let mine = seller.get("/api/v1/me/collections").await.expect(200)["items"].clone();
    let path = |n: usize| format!("/api/v1/collection-tasks/{}", mine[n]["id"].as_str().unwrap());
    let result =
        |result: &str, more: Value| merged(json!({ "channel": "phone", "result": result }), &more);
    stranger.get(&path(0)).await.expect(404);
    let said = result("promised", json!({ "promise": { "due_on": "2026-06-20", "amount": "60" } }));
    stranger.post(&format!("{}/result", path(0)), said.clone()).await.expect(404);
    for (wrong, expected) in [
        (result("promised", json!({})), "/promise contradiction"),
        (
            result("refused", json!({ "promise": { "due_on": "2026-06-20" } })),
            "/promise contradiction",
        ),
        (
            result("promised", json!({ "promise": { "due_on": "2026-06-14" } })),
            "/promise/due_on range",
        ),
        (
            result("promised", json!({ "promise": { "due_on": "2026-06-20", "amount": "0" } })),
            "/promise/amount range",
        ),
        (result("lost", json!({})), "/result unknown_value"),
    ] {
        let problem = seller.post(&format!("{}/result", path(0)), wrong).await.expect(422);
        assert_eq!(faults(&problem), [expected]);
    }
    let done = seller.post(&format!("{}/result", path(0)), said.clone()).await.expect(200);
    assert_eq!(
        (&done["status"], &done["result"], &done["done_by"]),
        (&json!("done"), &json!("promised"), &json!(desk.seller))
    );
    let problem = seller.post(&format!("{}/result", path(0)), said).await.expect(409);
    assert_eq!(problem["current_status"], "done");
    seller.post(&format!("{}/result", path(1)), result("not_reached", json!({}))).await.expect(200);
    seller.get(&format!("{}/history", path(1))).await.expect(200);
    assert_eq!(collect(&service).await, 0, "no second task for the same step");

    // One promise for the invoice, one for the whole account.
    let whole = json!({ "customer_id": desk.customer, "due_on": "2026-06-18", "amount": "150" });
    let whole = seller.post("/api/v1/promises", whole).await.expect(201)["id"].clone();
    stranger.get(&format!("/api/v1/promises/{}", whole.as_str().unwrap())).await.expect(404);
    let statuses = async || {
        service
            .texts(
                "select status || ' ' || trim_scale(received_amount)
        from promises order by amount",
            )
            .await
    };
    let erp = service.actor(Role::Erp).await;
    let pay = |key: &str, day: &str, amount: &str, invoice: &str| {
        json!([{ "external_id": key,
        "number": key, "customer_external_id": "C", "received_on": day, "amount": amount,
        "allocations": [{ "invoice_external_id": invoice, "amount": amount }] }])
    };
    send(&erp, "payments", pay("P", "2026-06-15", "60", "A")).await;
    collect(&service).await;
    assert_eq!(statuses().await, ["kept 60", "open 0"], "the same money keeps one promise");
    go_to(&service, "2026-06-19").await;
    assert_eq!(collect(&service).await, 1);
    assert_eq!(statuses().await, ["kept 60", "broken 0"]);
    // A payment that arrived in time but was reported late.
    let erp = service.actor(Role::Erp).await;
    send(&erp, "payments", pay("Q", "2026-06-18", "90", "B")).await;
    let free = json!([{ "external_id": "R", "number": "R", "customer_external_id": "C",
        "received_on": "2026-06-18", "amount": "60" }]);
    send(&erp, "payments", free).await;
    collect(&service).await;
    assert_eq!(statuses().await, ["kept 60", "kept 150"]);
    // After a reversal the promise is assessed again.
    let back = json!([{ "external_id": "P", "reversed_on": "2026-06-19" }]);
    send(&erp, "payments", back).await;
    collect(&service).await;
    assert_eq!(statuses().await, ["open 0", "kept 150"], "its day is not over");
}

#[actix_web::test]
async fn each_rule_of_a_promise_violated_once() {
    let service = service().await;
    let desk = desk(&service, json!([item("A", "2026-06-10", &json!({}))])).await;
    let seller = service.signed_in(desk.seller);
    let other = seller.customer("Wang").await;
    let other = other.rsplit('/').next().unwrap();
    for (more, expected) in [
        (json!({ "amount": "0" }), "/amount range"),
        (json!({ "due_on": "2026-06-14" }), "/due_on range"),
        (
            json!({ "customer_id": other, "invoice_id": desk.invoices[0] }),
            "/invoice_id another_customer",
        ),
        (
            json!({ "currency": "USD", "invoice_id": desk.invoices[0] }),
            "/currency another_currency",
        ),
        (json!({ "customer_id": uuid::Uuid::nil() }), "/customer_id unknown_reference"),
        (json!({ "currency": "USD" }), "/currency no_exchange_rate"),
    ] {
        let new = json!({ "customer_id": desk.customer, "due_on": "2026-06-20", "amount": "5" });
        let problem = seller.post("/api/v1/promises", merged(new, &more)).await.expect(422);
        assert_eq!(faults(&problem), [expected], "{more}");
    }
    let new = json!({ "customer_id": desk.customer, "due_on": "2026-06-20", "amount": "5" });
    let made = seller.post("/api/v1/promises", new).await.expect(201);
    let path = format!("/api/v1/promises/{}/withdraw", made["id"].as_str().unwrap());
    assert_eq!(seller.post(&path, Value::Null).await.expect(200)["status"], "withdrawn");
    assert_eq!(seller.post(&path, Value::Null).await.expect(409)["current_status"], "withdrawn");
    service.actor(Role::Reporter).await.post(&path, Value::Null).await.expect(403);
}

/// Decides on a request. Returns the result.
pub async fn decide(who: &Actor<'_>, request: &Value, step: &str) -> Value {
    let path = format!("/api/v1/write-off-requests/{}/{step}", request["id"].as_str().unwrap());
    let body = if step == "withdraw" { Value::Null } else { json!({ "note": "n" }) };
    let told = who.post(&path, body).await;
    merged(json!({ "http": told.status.as_u16() }), &told.body)
}

#[actix_web::test]
async fn a_debt_is_given_up_by_another_within_the_authority() {
    let service = service().await;
    let desk = desk(
        &service,
        json!([
            item("A", "2026-06-10", &json!({ "amount": "60000" })),
            item("D", "2026-06-10", &json!({ "status": "draft" }))
        ]),
    )
    .await;
    let (finance, other) = (service.actor(Role::Finance).await, service.actor(Role::Finance).await);
    let (director, boss) =
        (service.actor(Role::SalesDirector).await, service.actor(Role::GeneralManager).await);
    let ask = async |more: Value| {
        let new = json!({ "invoice_id": desk.invoices[0], "reason": "bankrupt" });
        finance.post("/api/v1/write-off-requests", merged(new, &more)).await
    };
    for (more, expected) in [
        (json!({ "amount": "60000.01" }), "/amount above_open_amount"),
        (json!({ "amount": "0" }), "/amount above_open_amount"),
        (json!({ "invoice_id": desk.invoices[1] }), "/invoice_id not_posted"),
        (json!({ "reason": "" }), "/reason too_short"),
        (json!({ "risk_case_id": uuid::Uuid::now_v7() }), "/risk_case_id unknown_reference"),
    ] {
        let problem = ask(more.clone()).await.expect(422);
        assert_eq!(faults(&problem), [expected], "{more}");
    }
    let small = ask(json!({ "amount": "1000" })).await.expect(201);
    assert_eq!(decide(&finance, &small, "approve").await["code"], "self_approval");
    assert_eq!(decide(&other, &small, "withdraw").await["code"], "not_the_author");
    let approved = decide(&other, &small, "approve").await;
    assert_eq!(
        (&approved["status"], &approved["decided_by"]),
        (&json!("approved"), &json!(other.id))
    );
    assert_eq!(decide(&other, &small, "reject").await["code"], "wrong_status");
    let invoice = format!("/api/v1/invoices/{}", desk.invoices[0]);
    assert_eq!(finance.get(&invoice).await.expect(200)["open_amount"], "59000.00");

    let large = ask(json!({})).await.expect(201);
    assert_eq!(large["amount"], "59000.00", "all that is open");
    let refused = decide(&other, &large, "approve").await;
    assert_eq!(
        (&refused["code"], &refused["limit"]),
        (&json!("authority_exceeded"), &json!("1000"))
    );
    assert_eq!(decide(&director, &large, "approve").await["limit"], "50000");
    let rival = ask(json!({ "amount": "100" })).await.expect(201);
    assert_eq!(decide(&other, &rival, "approve").await["given_up"], "1000.00");
    assert_eq!(decide(&director, &rival, "approve").await["http"], 200);
    let late = decide(&boss, &large, "approve").await;
    assert_eq!((&late["http"], &late["code"]), (&json!(409), &json!("above_open_amount")));
    assert_eq!(decide(&finance, &large, "withdraw").await["status"], "withdrawn");
    let rest = ask(json!({})).await.expect(201);
    assert_eq!(decide(&boss, &rest, "reject").await["status"], "rejected");
    let rest = ask(json!({})).await.expect(201);
    assert_eq!(decide(&boss, &rest, "approve").await["status"], "approved");
    let closed = finance.get(&invoice).await.expect(200);
    assert_eq!(
        (&closed["open_amount"], &closed["closed_on"]),
        (&json!("0.00"), &json!("2026-06-15"))
    );
    let account = format!("/api/v1/customers/{}/statement", desk.customer);
    let account = finance.get(&account).await.expect(200)["accounts"][0].clone();
    assert_eq!(account["closing_balance"], "0.00");
    assert_eq!(account["movements"].as_array().unwrap().len(), 4);
    assert_eq!(differences(&service).await, 0);
}

#[actix_web::test]
async fn a_risk_case_climbs_the_ladder() {
    let service = service().await;
    let desk = desk(&service, json!([item("A", "2026-06-10", &json!({}))])).await;
    let (seller, controller) =
        (service.signed_in(desk.seller), service.actor(Role::CreditController).await);
    let new = json!({ "customer_id": desk.customer, "trigger": "litigation" });
    seller.post("/api/v1/risk-cases", new.clone()).await.expect(403);
    let problem = controller
        .post("/api/v1/risk-cases", merged(new.clone(), &json!({ "amount": "-1" })))
        .await;
    assert_eq!(faults(&problem.expect(422)), ["/amount range"]);
    let case = controller.post("/api/v1/risk-cases", new.clone()).await.expect(201);
    assert_eq!((&case["amount"], &case["status"]), (&json!("100.00"), &json!("open")));
    let problem = controller.post("/api/v1/risk-cases", new.clone()).await.expect(409);
    assert_eq!((&problem["code"], &problem["id"]), (&json!("case_open"), &case["id"]));
    let path = format!("/api/v1/risk-cases/{}", case["id"].as_str().unwrap());
    seller.get(&path).await.expect(200);
    service.actor(Role::Salesperson).await.get(&path).await.expect(404);
    let measure = async |name: &str| {
        controller.post(&format!("{path}/measures"), json!({ "measure": name, "note": "n" })).await
    };
    measure("hold").await.expect(200);
    assert_eq!(faults(&measure("remind").await.expect(422)), ["/measure softer_measure"]);
    measure("hold").await.expect(200);
    let legal = measure("legal").await.expect(200);
    assert_eq!((&legal["status"], &legal["measure"]), (&json!("measures"), &json!("legal")));
    assert_eq!(legal["measures"].as_array().unwrap().len(), 3);
    let problem = controller.post(&format!("{path}/write-off"), Value::Null).await.expect(409);
    assert_eq!(problem["code"], "no_write_off");
    let ask =
        json!({ "invoice_id": desk.invoices[0], "reason": "lost", "risk_case_id": case["id"] });
    let ask = controller.post("/api/v1/write-off-requests", ask).await.expect(201);
    let finance = service.actor(Role::Finance).await;
    assert_eq!(decide(&finance, &ask, "approve").await["status"], "approved");
    let lost = controller.post(&format!("{path}/write-off"), Value::Null).await.expect(200);
    assert_eq!(
        (&lost["status"], &lost["closed_on"]),
        (&json!("written_off"), &json!("2026-06-15"))
    );
    measure("legal").await.expect(409);
    let second = controller.post("/api/v1/risk-cases", new).await.expect(201);
    let second = format!("/api/v1/risk-cases/{}", second["id"].as_str().unwrap());
    let path = format!("{second}/recover");
    let early = controller.post(&path, json!({ "amount": "20" })).await.expect(409);
    assert_eq!(early["current_status"], "open");
    let remind = json!({ "measure": "remind" });
    controller.post(&format!("{second}/measures"), remind).await.expect(200);
    let problem = controller.post(&path, json!({ "amount": "-1" })).await.expect(422);
    assert_eq!(faults(&problem), ["/amount range"]);
    let back = controller.post(&path, json!({ "amount": "20" })).await.expect(200);
    let told = (&back["status"], &back["recovered_amount"]);
    assert_eq!(told, (&json!("recovered"), &json!("20.00")));
}

/// An overdue promise cannot be cancelled in the minutes before the job marks it as broken.
#[actix_web::test]
async fn a_promise_whose_day_is_over_is_not_withdrawn() {
    let service = service().await;
    let desk = desk(&service, json!([item("A", "2026-06-18", &json!({}))])).await;
    let seller = service.signed_in(desk.seller);
    let new = json!({ "customer_id": desk.customer, "due_on": "2026-06-15", "amount": "5" });
    let made = seller.post("/api/v1/promises", new).await.expect(201);
    let path = format!("/api/v1/promises/{}/withdraw", made["id"].as_str().unwrap());
    go_to(&service, "2026-06-16").await;
    let seller = service.signed_in(desk.seller);

    let refused = seller.post(&path, Value::Null).await.expect(409);

    assert_eq!(refused["code"], "wrong_status");
    assert_eq!(refused["current_status"], "broken");
}

#[actix_web::test]
async fn only_for_what_is_owed_there_are_promises() {
    let service = service().await;
    let items = json!([
        item("D", "2026-06-18", &json!({ "status": "draft" })),
        item("N", "2026-06-18", &json!({ "kind": "credit_note" })),
    ]);
    let desk = desk(&service, items).await;
    let seller = service.signed_in(desk.seller);
    for invoice in &desk.invoices {
        let new = json!({ "customer_id": desk.customer, "invoice_id": invoice,
            "due_on": "2026-06-20", "amount": "5" });

        let refused = seller.post("/api/v1/promises", new).await.expect(422);

        assert_eq!(faults(&refused), ["/invoice_id not_posted"]);
    }
}
