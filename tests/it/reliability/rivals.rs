//! Concurrent writes of the same row or tree run one after the other, and no change is lost.

use actix_web::http::Method;
use diesel_async::SimpleAsyncConnection;
use futures_util::future::join;
use salesbook::access::Role;
use salesbook::app::Settings;
use salesbook::auth::{signing_key, user};
use salesbook::platform::{Clock, Timestamp, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::gate::{Gate, meet};
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Inventor;

async fn patch(actor: &Actor<'_>, path: &str, body: Value) -> u16 {
    let tag = [("if-match", "\"1\"")];
    actor.send(Method::PATCH, path, Some(body), &tag).await.status.as_u16()
}

/// The version of a row, and the total and distinct numbers of its recorded versions.
async fn versions(service: &Service, id: &str) -> (i64, i64, i64) {
    let of = format!("changes where id = '{id}'");
    let last = service.texts(&format!("select max(version)::text from {of}")).await;
    let distinct = service.texts(&format!("select count(distinct version)::text from {of}")).await;
    (last[0].parse().unwrap(), service.count(&of).await, distinct[0].parse().unwrap())
}

const ROWS: [(&str, &str, &str); 11] = [
    ("customers", "customer", "name"),
    ("contacts", "contact", "name"),
    ("products", "product", "name"),
    ("orders", "order", "channel"),
    ("targets", "target", "dimension_value"),
    ("teams", "team", "name"),
    ("territories", "territory", "name"),
    ("users", "user", "name"),
    ("exchange-rates", "exchange-rate", "rate"),
    ("holidays", "holiday", "name"),
    ("api-clients", "api-client", "name"),
];

fn change(field: &str, text: &str) -> Value {
    match field {
        "rate" => json!({ "rate": format!("7.{text}") }),
        "dimension_value" => json!({ "dimension": "region", "dimension_value": text }),
        field => json!({ field: text }),
    }
}

#[actix_web::test]
async fn of_two_who_change_a_row_one_is_told_that_it_is_stale() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    let inventor = Inventor::with_rows(&service, &admin, 1).await;
    for (path, kind, field) in ROWS {
        // The harness creates users in the database, without recording them.
        let id = &inventor.known[kind][0];
        let url = format!("/api/v1/{path}/{id}");
        let version = admin.get(&url).await.expect(200)["version"].as_i64().unwrap();
        let gate = Gate::row(&service, &path.replace('-', "_"), id).await;
        let tag = format!("\"{version}\"");
        let send = async |text: &str| {
            let body = Some(change(field, text));
            let answer = admin.send(Method::PATCH, &url, body, &[("if-match", &tag)]).await;
            answer.status.as_u16()
        };
        let told = meet(gate, send("21"), send("22")).await;
        assert_eq!(told, (200, 412), "{path}");
    }
    let company = service.texts("select id::text from company").await.remove(0);
    let gate = Gate::row(&service, "company", &company).await;
    let first = patch(&admin, "/api/v1/company", json!({ "name": "1" }));
    let second = patch(&admin, "/api/v1/company", json!({ "name": "2" }));
    assert_eq!(meet(gate, first, second).await, (200, 412));
}

#[actix_web::test]
async fn what_was_changed_meanwhile_is_not_deleted() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    let inventor = Inventor::with_rows(&service, &admin, 1).await;
    for (path, kind, field) in ROWS {
        if matches!(path, "customers" | "orders" | "users") {
            continue;
        }
        let id = &inventor.known[kind][3];
        let url = format!("/api/v1/{path}/{id}");
        let gate = Gate::row(&service, &path.replace('-', "_"), id).await;
        let delete = async {
            let tag = [("if-match", "\"1\"")];
            admin.send(Method::DELETE, &url, None, &tag).await.status.as_u16()
        };
        let told = meet(gate, patch(&admin, &url, change(field, "21")), delete).await;
        assert_eq!(told, (200, 412), "{path}");
    }
}

/// Two tabs that refreshed together have a successor token each, and use them concurrently.
#[actix_web::test]
async fn a_session_goes_on_with_both_successors() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let password = "a long one of the tests";
    let new = json!({ "name": "Li", "username": "li", "password": password });
    admin.post("/api/v1/users", new).await.expect(201);
    service.directory_changed().await;
    let nobody = service.anonymous();
    let login = json!({ "username": "li", "password": password });
    let first = nobody.post("/api/v1/auth/login", login).await.expect(200);
    let refresh = async |token: &Value| {
        nobody.post("/api/v1/auth/refresh", json!({ "refresh_token": token })).await
    };
    let first = &first["refresh_token"];
    let (one, other) = (refresh(first).await.expect(200), refresh(first).await.expect(200));
    let gate = Gate::before_writes(&service, "refresh_tokens").await;
    let [one, other] = [&one["refresh_token"], &other["refresh_token"]];
    let told = meet(gate, refresh(one), refresh(other)).await;
    assert_eq!((told.0.status.as_u16(), told.1.status.as_u16()), (200, 200));
    assert_eq!(service.count("sessions where ended_no is null").await, 1);
}

/// Batches do not check versions: each waits for the concurrent write and keeps its changes.
#[actix_web::test]
async fn a_batch_comes_after_the_one_before_it() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let customer = admin.customer("Lin & Sons").await;
    let customer = customer.rsplit('/').next().unwrap();
    let items = [
        ("customers", json!({ "name": "1" }), json!({ "city": "1" })),
        ("contacts", json!({ "name": "1", "customer_id": customer }), json!({ "title": "1" })),
        ("products", json!({ "name": "1", "code": "1" }), json!({ "category": "1" })),
        (
            "orders",
            json!({ "number": "1", "customer_id": customer, "order_date": "2026-03-02",
            "status": "draft", "lines": [{ "quantity": "1", "amount": "1" }] }),
            json!({ "shipped_on": "2026-03-03" }),
        ),
        (
            "targets",
            json!({ "owner_type": "company", "value": "1", "period_type": "month",
            "period_start": "2026-03-01", "status": "draft" }),
            json!({ "level": "stretch" }),
        ),
        ("teams", json!({ "name": "1", "code": "1" }), json!({ "code": "2" })),
        ("territories", json!({ "name": "1", "code": "1" }), json!({ "code": "2" })),
        ("users", json!({ "name": "1", "username": "u1" }), json!({ "phone": "1" })),
        (
            "exchange-rates",
            json!({ "from": "EUR", "to": "CNY", "valid_on": "2026-03-02",
            "rate": "8" }),
            json!({ "from": "EUR", "to": "CNY", "valid_on": "2026-03-03",
            "rate": "8" }),
        ),
    ];
    for (path, new, more) in items {
        let field = ROWS.iter().find(|it| it.0 == path).unwrap().2;
        let import = async |item: &Value| {
            let mut item = item.clone();
            item["external_id"] = json!("1");
            let batch = json!({ "source_system": "sap", "items": [item] });
            let url = format!("/api/v1/{path}/batch");
            admin.post(&url, batch).await.expect(200)["results"][0].clone()
        };
        let made = import(&new).await;
        let id = made["id"].as_str().unwrap_or_else(|| panic!("{path}: {made}")).to_owned();
        let url = format!("/api/v1/{path}/{id}");
        let gate = Gate::row(&service, &path.replace('-', "_"), &id).await;
        let told = meet(gate, patch(&admin, &url, change(field, "21")), import(&more)).await;
        assert_eq!(told.0, 200, "{path}");
        assert_eq!(
            (&told.1["status"], &told.1["version"]),
            (&json!("updated"), &json!(3)),
            "{path}"
        );
        assert_eq!(versions(&service, &id).await, (3, 3, 3), "{path}");
        let now = admin.get(&url).await.expect(200);
        let sent = change(field, "21");
        assert!(
            sent.as_object()
                .unwrap()
                .iter()
                .all(|it| path == "exchange-rates" || now[it.0] == *it.1),
            "{now}"
        );
    }
}

#[actix_web::test]
async fn two_moves_make_no_circle() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let target = |level: &str| {
        json!({ "owner_type": "channel", "channel": level, "value": "1", "period_type": "month",
            "period_start": "2026-03-01" })
    };
    let trees = [
        ("teams", json!({ "name": "A", "code": "A" }), json!({ "name": "B", "code": "B" })),
        ("territories", json!({ "name": "A", "code": "A" }), json!({ "name": "B", "code": "B" })),
        ("targets", target("a"), target("b")),
    ];
    for (path, a, b) in trees {
        let collection = format!("/api/v1/{path}");
        let make = async |new| admin.post(&collection, new).await.expect(201)["id"].clone();
        let below = |new: &Value, whole: &Value| {
            let mut part = new.clone();
            part["parent_id"] = whole.clone();
            for name in ["name", "code", "channel"] {
                if let Some(text) = new[name].as_str() {
                    part[name] = json!(format!("{text}2"));
                }
            }
            part
        };
        let (whole_a, whole_b) = (make(a.clone()).await, make(b.clone()).await);
        // Each new parent is a part of the other tree, so that no row lock prevents the cycle.
        let part_a = make(below(&a, &whole_a)).await;
        let part_b = make(below(&b, &whole_b)).await;
        let gate = Gate::before_writes(&service, "changes").await;
        let go = async |whole: &Value, part: &Value| {
            let url = format!("{collection}/{}", whole.as_str().unwrap());
            patch(&admin, &url, json!({ "parent_id": part })).await
        };
        let told = meet(gate, go(&whole_a, &part_b), go(&whole_b, &part_a)).await;
        assert!(matches!(told, (200, 409 | 422)), "{path}: {told:?}");
    }
}

#[actix_web::test]
async fn two_admins_do_not_lock_each_other_out() {
    let service = Service::start().await;
    let (one, other) = (service.actor(Role::Admin).await, service.actor(Role::Admin).await);
    let gate = Gate::before_writes(&service, "changes").await;
    let plain = json!({ "roles": ["salesperson"] });
    let of = |it: &Actor<'_>| format!("/api/v1/users/{}", it.id);
    let (first, second) = (of(&other), of(&one));
    let told = meet(gate, patch(&one, &first, plain.clone()), patch(&other, &second, plain)).await;
    assert_eq!(told, (200, 409));
    assert_eq!(service.count("users where roles @> array['admin'] and active").await, 1);
}

#[actix_web::test]
async fn instances_that_start_at_once_make_everything_once() {
    let service = Service::start().await;
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let ensure = || user::ensure_admin(db, clock, Some("a password of the tests"));
    let gate = Gate::before_writes(&service, "changes").await;
    let made = meet(gate, Box::pin(ensure()), Box::pin(ensure())).await;
    assert!(made.0.is_ok() && made.1.is_ok(), "{made:?}");
    assert_eq!(service.count("users").await, 1);
    for table in ["company", "secrets"] {
        service.sql("delete from holidays; delete from company; delete from secrets").await;
        let gate = Gate::before_writes(&service, table).await;
        let another = || service.another(Settings::default());
        let made = meet(gate, Box::pin(another()), Box::pin(another())).await;
        assert!(made.0.is_ok() && made.1.is_ok(), "{table}");
        assert_eq!(service.count("company").await, 1);
    }
}

#[actix_web::test]
async fn one_key_signs_however_many_ask_for_it() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let held = "select 1 from signing_keys for update";
    let gate = Gate::shut(&service, held).await;
    let rotate = async || {
        let url = "/api/v1/signing-keys/rotate";
        admin.send(Method::POST, url, None, &[]).await.status.as_u16()
    };
    assert_eq!(meet(gate, rotate(), rotate()).await, (200, 200));
    assert_eq!(service.count("signing_keys where retires_at is null").await, 1);
    let later = service.inner.clock.now().0 + jiff::SignedDuration::from_hours(91 * 24);
    let (db, clock) = (&service.inner.db, Clock::fixed(Timestamp(later)));
    let due = || Tx::run(db, &clock, Uuid::nil(), signing_key::rotate_due);
    let gate = Gate::shut(&service, held).await;
    let made = Box::pin(meet(gate, due(), due())).await;
    assert_eq!((made.0.unwrap(), made.1.unwrap()), (1, 0));
}

#[actix_web::test]
async fn a_job_or_a_merge_comes_after_the_one_before_it() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    let inventor = Inventor::with_rows(&service, &admin, 1).await;
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let [winner, customer] = [0, 1].map(|at| inventor.known["customer"][at].clone());
    let (order, seller) = (&inventor.known["order"][1], &inventor.known["user"][3]);

    // An order is changed while its customer is merged into another one.
    let gate = Gate::row(&service, "orders", order).await;
    let url = format!("/api/v1/orders/{order}");
    let path = format!("/api/v1/customers/{winner}/merge");
    let merge = admin.post(&path, json!({ "loser_id": customer }));
    let told = meet(gate, patch(&admin, &url, json!({ "channel": "x" })), merge).await;
    assert_eq!((told.0, told.1.status.as_u16()), (200, 200));
    assert_eq!(versions(&service, order).await, (3, 3, 3));
    assert_eq!(admin.get(&url).await.expect(200)["channel"], "x");

    // A customer is changed while its scheduled transfer is applied.
    let customer = &inventor.known["customer"][2];
    let day = |days: i64| (clock.today().0 + jiff::Span::new().days(days)).to_string();
    let planned = json!({ "customers": [{ "customer_id": customer }], "owner_id": seller,
        "reason": "x", "effective_on": day(1) });
    admin.post("/api/v1/customers/transfer", planned).await.expect(200);
    let tomorrow = Clock::fixed(Timestamp(clock.now().0 + jiff::SignedDuration::from_hours(24)));
    tomorrow.set_zone(clock.zone());
    let apply = || Tx::run(db, &tomorrow, Uuid::nil(), salesbook::customers::transfer::apply_due);
    let gate = Gate::row(&service, "customers", customer).await;
    let url = format!("/api/v1/customers/{customer}");
    let told = Box::pin(meet(gate, patch(&admin, &url, json!({ "city": "x" })), apply())).await;
    assert_eq!((told.0, told.1.unwrap()), (200, 1));
    let now = admin.get(&url).await.expect(200);
    assert_eq!((&now["city"], &now["owner_id"]), (&json!("x"), &json!(seller)));
    assert_eq!(versions(&service, customer).await, (3, 3, 3));

    // A user is changed while a scheduled change of the team is applied.
    let team = &inventor.known["team"][1];
    let url = format!("/api/v1/users/{seller}");
    let version = admin.get(&url).await.expect(200)["version"].as_i64().unwrap();
    let moved = json!({ "team_id": team, "effective_on": day(1) });
    let before = admin.patch(&url, version, moved).await.expect(200)["version"].as_i64().unwrap();
    let tag = format!("\"{before}\"");
    let headers = [("if-match", &*tag)];
    let gate = Gate::row(&service, "users", seller).await;
    let change = admin.send(Method::PATCH, &url, Some(json!({ "phone": "7" })), &headers);
    let apply = Tx::run(db, &tomorrow, Uuid::nil(), user::apply_memberships);
    let told = meet(gate, change, apply).await;
    assert_eq!((told.0.status.as_u16(), told.1.unwrap()), (200, 1));
    let now = admin.get(&url).await.expect(200);
    assert_eq!((&now["phone"], &now["version"]), (&json!("7"), &json!(before + 2)));
    assert_eq!(now["team_id"], json!(team));
}

/// A transfer that is cancelled just before it is applied has no effect.
#[actix_web::test]
async fn a_transfer_called_off_meanwhile_is_not_carried_out() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let path = admin.customer("Lin & Sons").await;
    let (customer, other) =
        (path.rsplit('/').next().unwrap(), service.actor(Role::Salesperson).await);
    let clock = &service.inner.clock;
    let day = (clock.today().0 + jiff::Span::new().days(1)).to_string();
    let planned = json!({ "customers": [{ "customer_id": customer }], "owner_id": other.id,
        "reason": "x", "effective_on": day });
    admin.post("/api/v1/customers/transfer", planned).await.expect(200);
    let tomorrow = Clock::fixed(Timestamp(clock.now().0 + jiff::SignedDuration::from_hours(24)));
    tomorrow.set_zone(clock.zone());
    let db = &service.inner.db;
    let apply = Tx::run(db, &tomorrow, Uuid::nil(), salesbook::customers::transfer::apply_due);
    let mut gate = Gate::row(&service, "customers", customer).await;
    let cancel = async {
        gate.are_waiting(1).await;
        let cancelled = "update customer_transfers set cancelled_at = now()";
        gate.conn.batch_execute(cancelled).await.unwrap();
        gate.open().await;
    };
    let (applied, ()) = join(apply, cancel).await;
    assert_eq!(applied.unwrap(), 0);
    assert_eq!(admin.get(&path).await.expect(200)["owner_id"], Value::Null);
    assert_eq!(service.count("customer_transfers where applied_at is not null").await, 0);
}

#[actix_web::test]
async fn a_step_sees_the_lines_that_came_before_it() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    let inventor = Inventor::with_rows(&service, &admin, 1).await;
    let (id, product) = (&inventor.known["order"][0], &inventor.known["product"][0]);
    let url = format!("/api/v1/orders/{id}");
    let gate = Gate::row(&service, "orders", id).await;
    let lines = json!({ "lines": [{ "product_id": product, "quantity": "7" }] });
    let submit = format!("{url}/submit");
    let change = admin.patch(&url, 1, lines);
    let (changed, submitted) = Box::pin(meet(gate, change, admin.post(&submit, Value::Null))).await;
    let (changed, submitted) = (changed.expect(200), submitted.expect(200));
    assert_eq!((&submitted["version"], &submitted["lines"]), (&json!(3), &changed["lines"]));
    assert_eq!(submitted["lines"][0]["quantity"], "7");
}
