//! Complaints in the back office: visibility, lists, imported data, filing numbers, and the effects
//! of time.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::http::Method;
use futures_util::future::join_all;
use salesbook::access::Role;
use salesbook::complaints::hooks::check_deadlines;
use salesbook::platform::jobs::{self, Job};
use salesbook::platform::{Clock, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::complaints::{COMPLAINTS, about, at, id, path, step};
use crate::support::harness::{Actor, Service};
use crate::targets::{codes, with};

async fn listed(actor: &Actor<'_>, query: &str) -> BTreeSet<String> {
    let list = actor.get(&format!("{COMPLAINTS}?total=exact&{query}")).await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(list["total"], items.len());
    items.iter().map(path).collect()
}

#[actix_web::test]
async fn a_strangers_complaint_does_not_exist_for_me() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let (seller, colleague) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (stranger, quality) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Quality).await);
    let (manager, other) =
        (service.actor(Role::SalesManager).await, service.actor(Role::SalesManager).await);
    let finance = service.actor(Role::Finance).await;
    service.team(None, &manager, &[&seller]).await;
    let customer = seller.customer("上海林氏贸易有限公司").await;
    let mine = path(&seller.post(COMPLAINTS, about(&customer)).await.expect(201));
    // The complaint is about the seller's customer, registered by the office, owned by a colleague.
    let theirs = path(&office.post(COMPLAINTS, about(&customer)).await.expect(201));
    step(&office, &theirs, "accept", json!({ "owner_id": colleague.id })).await.expect(200);
    let dispatched = path(&office.post(COMPLAINTS, about(&customer)).await.expect(201));
    step(&office, &dispatched, "dispatch", Value::Null).await.expect(200);
    let strange = stranger.customer("Wang").await;
    let away = path(&stranger.post(COMPLAINTS, about(&strange)).await.expect(201));
    // The complaint is registered by finance, which sees all customers.
    let odd = path(&finance.post(COMPLAINTS, about(&strange)).await.expect(201));

    let all = [&mine, &theirs, &dispatched, &away, &odd];
    let seen: [(&Actor<'_>, &[&String]); 8] = [
        (&office, &all),
        (&seller, &[&mine, &theirs, &dispatched]),
        (&manager, &[&mine, &theirs, &dispatched]),
        (&colleague, &[&theirs]),
        (&quality, &[&dispatched]),
        (&stranger, &[&away, &odd]),
        (&other, &[]),
        (&finance, &[&odd]),
    ];
    for (reader, expected) in seen {
        let expected: BTreeSet<String> = expected.iter().map(|it| (*it).clone()).collect();
        assert_eq!(listed(reader, "").await, expected);
        for path in all {
            let status = if expected.contains(path) { 200 } else { 404 };
            reader.get(path).await.expect(status);
            reader.get(&format!("{path}/history")).await.expect(status);
        }
    }
    for (actor, path) in [(&stranger, &mine), (&quality, &theirs), (&finance, &mine)] {
        step(actor, path, "proposals", json!({ "text": "x" })).await.expect(404);
        step(actor, path, "start", Value::Null).await.expect(404);
        actor.patch(path, 1, json!({ "batch_no": "x" })).await.expect(404);
    }
    step(&other, &mine, "accept", json!({ "owner_id": other.id })).await.expect(404);
    let foreign = stranger.post(COMPLAINTS, about(&customer)).await.expect(422);
    assert_eq!(codes(&foreign), ["/customer_id unknown_reference"]);
    let repeat = json!({ "repeat_of_id": id(&mine) });
    let problem = stranger.post(COMPLAINTS, with(about(&strange), &repeat)).await.expect(422);
    assert_eq!(codes(&problem), ["/repeat_of_id unknown_field"]);

    // The feed has the same visibility; the quality department sees only the complaints dispatched
    // to it.
    let told = async |actor: &Actor<'_>, ids: &[&String]| {
        let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
        let start = std::time::Instant::now();
        while seen.len() < ids.len() && start.elapsed() < Duration::from_secs(20) {
            let url = format!("/api/v1/changes?types=complaint&wait=1{cursor}");
            let feed = actor.get(&url).await.expect(200);
            let items = feed["items"].as_array().unwrap();
            seen.extend(items.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
            cursor = format!("&cursor={}", feed["next_cursor"].as_str().unwrap());
        }
        let expected: BTreeSet<String> = ids.iter().map(|it| id(it).to_owned()).collect();
        assert_eq!(seen, expected);
    };
    told(&quality, &[&dispatched]).await;
    told(&colleague, &[&theirs]).await;
}

#[actix_web::test]
async fn a_desk_finds_what_it_looks_for() {
    let clock = Clock::fixed(at("2026-11-23T02:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let (seller, office) =
        (service.actor(Role::Salesperson).await, service.actor(Role::BackOffice).await);
    let customer = seller.customer("上海林氏贸易有限公司").await;
    let new = async |more: Value| {
        path(&seller.post(COMPLAINTS, with(about(&customer), &more)).await.expect(201))
    };
    let urgent = new(json!({ "severity": "urgent", "category": "delivery" })).await;
    let price = new(json!({ "category": "price", "description": "价格 100% 不对" })).await;
    let spot = new(json!({ "resolved": { "resolution": "换货" } })).await;
    step(&office, &price, "accept", json!({ "owner_id": office.id })).await.expect(200);
    step(&office, &spot, "file", Value::Null).await.expect(200);
    let found = async |query: &str| listed(&service.signed_in(office.id), query).await;
    let only = |paths: &[&String]| paths.iter().map(|it| (*it).clone()).collect::<BTreeSet<_>>();
    let customer_id = id(&customer);
    for (query, expected) in [
        ("status=registered,resolved", only(&[&urgent, &spot])),
        ("severity=urgent", only(&[&urgent])),
        ("category=price,delivery", only(&[&urgent, &price])),
        ("channel=phone", only(&[&urgent, &price, &spot])),
        (&format!("customer_id={customer_id}"), only(&[&urgent, &price, &spot])),
        (&format!("owner_id={}", office.id), only(&[&price])),
        (&format!("reporter_id={}", seller.id), only(&[&urgent, &price, &spot])),
        (&format!("product_id={}", Uuid::nil()), only(&[])),
        ("filed=true", only(&[&spot])),
        ("filed=false", only(&[&urgent, &price])),
        ("overdue=true", only(&[])),
        ("overdue=false", only(&[&urgent, &price, &spot])),
        ("repeat=false", only(&[&urgent, &price, &spot])),
        ("q=100%25", only(&[&price])),
        ("q=%E5%BC%80%E8%A3%82", only(&[&urgent, &spot])),
        ("q=co-2026", only(&[&urgent, &price, &spot])),
        ("number=CO-2026-000002", only(&[&price])),
        ("created_to=2026-11-23T02:00:00Z", only(&[])),
        ("created_from=2026-11-23T02:00:00Z", only(&[&urgent, &price, &spot])),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
    // At 12:01 in Shanghai the urgent complaint has no response yet.
    clock.set(at("2026-11-23T04:00:01Z"));
    assert_eq!(found("overdue=true").await, only(&[&urgent]));
    let read = service.signed_in(office.id).get(&urgent).await.expect(200);
    assert_eq!((&read["first_response_breached"], &read["version"]), (&json!(true), &json!(1)));
    clock.set(at("2026-11-27T02:00:00Z"));
    assert_eq!(found("overdue=true").await, only(&[&urgent, &price]));
    assert_eq!(found("overdue=false").await, only(&[&spot]));
    let office = service.signed_in(office.id);
    for (sort, expected) in [
        ("created_at", [&urgent, &price, &spot]),
        ("-created_at", [&spot, &price, &urgent]),
        ("resolve_due", [&urgent, &price, &spot]),
    ] {
        let (mut seen, mut cursor) = (vec![], String::new());
        for _ in 0..3 {
            let page = office.get(&format!("{COMPLAINTS}?limit=1&sort={sort}{cursor}")).await;
            let page = page.expect(200);
            seen.push(path(&page["items"][0]));
            cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
        }
        assert_eq!(seen.iter().collect::<Vec<_>>(), expected, "{sort}");
    }
    office.get(&format!("{COMPLAINTS}?status=lost")).await.expect(400);
}

#[actix_web::test]
async fn another_system_reports_facts() {
    let service = Service::start_at(Clock::fixed(at("2026-11-23T02:00:00Z"))).await;
    let erp = service.client(Role::Erp, "sap").await;
    let seller = service.actor(Role::Salesperson).await;
    let import = async |resource: &str, items: Value| {
        erp.post(&format!("/api/v1/{resource}/batch"), json!({ "items": items })).await.expect(200)
    };
    import(
        "customers",
        json!([{ "external_id": "C", "name": "C" }, { "external_id": "D", "name": "D" }]),
    )
    .await;
    import(
        "contacts",
        json!([{ "external_id": "W", "name": "王芳", "customer_external_id": "D" }]),
    )
    .await;
    let item = |number: &str, more: Value| {
        with(
            json!({ "external_id": number, "customer_external_id": "C", "category": "quality",
            "description": "外壳开裂" }),
            &more,
        )
    };
    let closed = json!({ "status": "closed", "received_at": "2026-03-02T02:00:00Z", "severity": "major",
        "resolved_at": "2026-03-20T02:00:00Z", "resolution": "换货", "filed_no": "F-1",
        "filed_at": "2026-03-04T02:00:00Z", "compensation_amount": "1000000" });
    let items = json!([
        item(
            "2",
            json!({ "repeat_of_external_id": "1", "owner_external_id": format!("e-{}", seller.id),
            "owner_source_system": "test", "status": "pending_customer" })
        ),
        item("1", closed),
        item("3", json!({})),
        item("4", json!({ "status": "closed" })),
    ]);
    let outcomes = import("complaints", items.clone()).await;
    assert_eq!(outcomes["created"], 4, "{outcomes:#}");
    let read = async |index: usize| {
        let id = outcomes["results"][index]["id"].as_str().unwrap();
        erp.get(&format!("{COMPLAINTS}/{id}")).await.expect(200)
    };
    let one = read(1).await;
    assert_eq!(
        (&one["closed_at"], &one["resolve_due"], &one["resolve_breached"]),
        (&json!("2026-03-20T02:00:00Z"), &json!("2026-03-09T02:00:00Z"), &json!(true))
    );
    assert_eq!(
        (&one["compensation_currency"], &one["number"]),
        (&json!("CNY"), &json!("CO-2026-000003"))
    );
    let two = read(0).await;
    assert_eq!((&two["repeat_of_id"], &two["owner_id"]), (&one["id"], &json!(seller.id)));
    assert_eq!(
        (&two["severity"], &two["paused_since"]),
        (&json!("general"), &json!("2026-11-23T02:00:00Z"))
    );
    assert_eq!(read(2).await["status"], "registered");
    let events = service.count("changes").await;
    let again = import("complaints", items).await;
    assert_eq!((&again["unchanged"], service.count("changes").await), (&json!(4), events));
    let office = service.actor(Role::BackOffice).await;
    let path = path(&read(3).await);
    // Steps of users follow the rules again.
    assert_eq!(
        step(&office, &path, "close", Value::Null).await.expect(409)["code"],
        "wrong_status"
    );
    let changed = import("complaints", json!([{ "external_id": "3", "status": "rejected" }])).await;
    assert_eq!(changed["updated"], 1);
    assert_eq!(read(2).await["first_response_at"], "2026-11-23T02:00:00Z");

    let refused = import(
        "complaints",
        json!([
            json!({ "external_id": "5", "category": "quality" }),
            item("6", json!({ "contact_external_id": "W" })),
            item("7", json!({ "filed_no": "BA-2026-0001" })),
            item("8", json!({ "received_at": "0001-01-01T00:00:00Z" })),
            item("9", json!({ "compensation_amount": "-1" })),
            item("10", json!({ "owner_id": seller.id, "about_user_id": seller.id })),
            item("11", json!({ "filed_no": "F-1" })),
            item("12", json!({ "repeat_of_external_id": "12" })),
            item("13", json!({ "attachment_ids": [] })),
            item("14", json!({ "satisfaction": 6 })),
        ]),
    )
    .await;
    let pointers = refused["results"].as_array().unwrap().iter();
    let pointers: Vec<String> = pointers.map(|it| codes(&it["problem"])[0].clone()).collect();
    assert_eq!(
        pointers,
        [
            "/customer_id required",
            "/contact_id contradiction",
            "/filed_no format",
            "/received_at range",
            "/compensation_amount range",
            "/about_user_id owner_is_subject",
            "/filed_no duplicate",
            "/parent_id cycle",
            "/attachment_ids unknown_field",
            "/satisfaction range"
        ]
    );
    assert_eq!((&refused["failed"], service.count("complaints").await), (&json!(10), 4));
}

#[actix_web::test]
async fn filing_numbers_have_no_gaps() {
    const MANY: usize = 20;
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let customer = office.customer("Lin").await;
    let mut paths = vec![];
    for _ in 0..MANY {
        paths.push(path(&office.post(COMPLAINTS, about(&customer)).await.expect(201)));
    }
    // Each complaint is filed twice at the same time, and once with an outdated version.
    let filings = paths.iter().chain(&paths).map(|path| step(&office, path, "file", Value::Null));
    let stale = [("if-match", "\"7\"")];
    let stale = paths.iter().map(async |path| {
        office.send(Method::POST, &format!("{path}/file"), None, &stale).await.expect(412)
    });
    let (filed, _) = futures_util::future::join(join_all(filings), join_all(stale)).await;
    let codes = filed.iter().map(|it| it.status.as_u16());
    assert_eq!(codes.filter(|it| *it == 200).count(), MANY);
    let numbers = "select right(filed_no, 4) from complaint_settlements order by filed_no";
    let expected: Vec<String> = (1..=MANY).map(|n| format!("{n:04}")).collect();
    assert_eq!(service.texts(numbers).await, expected);
}

async fn run_job(service: &Service) -> u64 {
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    Tx::run(db, clock, Uuid::nil(), check_deadlines).await.unwrap()
}

#[actix_web::test]
async fn what_is_late_escalates_once() {
    let clock = Clock::fixed(at("2026-11-23T02:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let office = service.actor(Role::BackOffice).await;
    let customer = office.customer("Lin").await;
    let path = path(&office.post(COMPLAINTS, about(&customer)).await.expect(201));
    step(&office, &path, "accept", json!({ "owner_id": office.id })).await.expect(200);
    let state = async || {
        let read = service.signed_in(office.id).get(&path).await.expect(200);
        let level = read["escalation_level"].as_i64().unwrap();
        (level, read["resolve_breached"] == true, read["version"].as_i64().unwrap())
    };
    let mut seen = vec![];
    // 80, 100 and 150 percent of 27 working hours, and times without an escalation.
    for now in [
        "2026-11-25T05:35:59Z",
        "2026-11-25T05:36:00Z",
        "2026-11-26T02:00:00Z",
        "2026-11-26T02:01:00Z",
        "2026-11-26T03:00:00Z",
        "2026-11-27T06:30:00Z",
        "2026-12-27T00:00:00Z",
    ] {
        clock.set(at(now));
        let effects = run_job(&service).await;
        assert_eq!(run_job(&service).await, 0, "once");
        seen.push((effects, state().await));
    }
    assert_eq!(
        seen,
        [
            (0, (0, false, 2)),
            (1, (1, false, 3)),
            (1, (2, false, 4)),
            (1, (2, true, 5)),
            (0, (2, true, 5)),
            (1, (3, true, 6)),
            (0, (3, true, 6))
        ]
    );
    let director = service.actor(Role::SalesDirector).await;
    let more = step(&director, &path, "escalate", json!({ "reason": "x" })).await.expect(409);
    assert_eq!(more["code"], "fully_escalated");

    // A new holiday moves open deadlines when the job has run.
    clock.set(at("2026-11-23T02:00:00Z"));
    let office = service.signed_in(office.id);
    let open = self::path(&office.post(COMPLAINTS, about(&customer)).await.expect(201));
    let holiday = json!({ "date": "2026-11-24", "kind": "holiday", "name": "厂庆" });
    office.post("/api/v1/holidays", holiday).await.expect(201);
    run_job(&service).await;
    assert_eq!(office.get(&open).await.expect(200)["resolve_due"], "2026-11-27T02:00:00Z");
}

#[actix_web::test]
async fn two_instances_escalate_once() {
    let clock = Clock::fixed(at("2026-11-23T02:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let office = service.actor(Role::BackOffice).await;
    let customer = office.customer("Lin").await;
    for _ in 0..5 {
        office.post(COMPLAINTS, about(&customer)).await.expect(201);
    }
    let other = service.another(salesbook::app::Settings::default()).await.unwrap();
    let find = |it: &&Job| it.name == "complaint_deadlines";
    let job = *salesbook::schedule::JOBS.iter().find(find).unwrap();
    clock.set(at("2026-11-24T14:00:00Z"));
    let runs = [&service, &other, &service, &other]
        .map(|it| jobs::attempt(&it.inner.db, &it.inner.clock, job, Uuid::now_v7()));
    let ran = join_all(runs).await.into_iter().filter(|it| matches!(it, Ok(true))).count();
    assert_eq!(ran, 1);
    // Both jobs run at the same time without the lease, as if one had been paused until its lease
    // ended.
    tokio::join!(run_job(&service), run_job(&other));
    let levels = "changes where type = 'complaint' and diff -> 'escalation_level' is not null";
    assert_eq!(service.count(&format!("{levels} and op = 'updated'")).await, 5);
}

#[actix_web::test]
async fn a_merged_customers_complaints_follow() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let (winner, loser) = (office.customer("Lin").await, office.customer("Lin & Sons").await);
    let path = path(&office.post(COMPLAINTS, about(&loser)).await.expect(201));
    let merge = json!({ "loser_id": id(&loser) });
    office.post(&format!("{winner}/merge"), merge).await.expect(200);
    let moved = office.get(&path).await.expect(200);
    assert_eq!((&moved["customer_id"], &moved["version"]), (&json!(id(&winner)), &json!(2)));
    let next = office.post(COMPLAINTS, about(&loser)).await.expect(201);
    assert_eq!(next["customer_id"], id(&winner), "the loser's id leads to the winner");
}
