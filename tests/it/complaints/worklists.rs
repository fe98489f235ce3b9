//! Complaints in worklists: users who handle, accept and file them, and overdue ones.

use salesbook::access::Role;
use salesbook::platform::Clock;
use serde_json::{Value, json};

use crate::complaints::{COMPLAINTS, about, at, id, path, step};
use crate::reports::totals::list;
use crate::support::harness::{Actor, Service};
use crate::targets::with;
use crate::worklists::{BOARD, TODAY};

/// The number, task, due time and overdue flag of each entry, in order.
fn tasks(today: &Value) -> Vec<String> {
    let text = |it: &Value| it.as_str().unwrap_or("-").to_owned();
    let row = |it: &Value| {
        let number = text(&it["number"])[13..].to_owned();
        [number, text(&it["task"]), text(&it["due_at"]), it["overdue"].to_string()].join(" ")
    };
    today["complaints"].as_array().unwrap().iter().map(row).collect()
}

async fn today(actor: &Actor<'_>) -> Value {
    actor.get(TODAY).await.expect(200)
}

#[actix_web::test]
async fn whoever_has_to_do_something_finds_it() {
    // Monday, 10:00 in Shanghai.
    let clock = Clock::fixed(at("2026-11-23T02:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let (manager, other) =
        (service.actor(Role::SalesManager).await, service.actor(Role::SalesManager).await);
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (office, director) =
        (service.actor(Role::BackOffice).await, service.actor(Role::SalesDirector).await);
    service.team(None, &manager, &[&seller]).await;
    let customer = seller.customer("上海林氏贸易有限公司").await;
    let new = async |more: Value| {
        path(&seller.post(COMPLAINTS, with(about(&customer), &more)).await.expect(201))
    };
    let urgent = new(json!({ "severity": "urgent", "category": "delivery" })).await;
    let major = new(json!({ "severity": "major", "category": "price" })).await;
    let spot = new(json!({ "resolved": { "resolution": "换货" } })).await;
    let general = new(json!({ "category": "document", "about_user_id": manager.id })).await;
    let owner = json!({ "owner_id": seller.id });
    step(&office, &major, "accept", owner.clone()).await.expect(200);
    assert_eq!(tasks(&today(&seller).await), ["2 handle 2026-11-25T02:00:00Z false"]);
    let mine = today(&seller).await;
    let expected = json!({ "id": id(&major), "version": 2, "number": "CO-2026-000002",
        "customer_id": id(&customer), "customer_name": "上海林氏贸易有限公司", "category": "price",
        "severity": "major", "status": "accepted", "task": "handle", "first_response_due": null,
        "interim_due": "2026-11-25T02:00:00Z", "resolve_due": "2026-11-30T02:00:00Z",
        "filing_due": "2026-11-24T10:00:00Z", "due_at": "2026-11-25T02:00:00Z", "overdue": false });
    assert_eq!(mine["complaints"][0], expected);
    let deadline = |of: &str, due: &str, overdue: bool| {
        json!({ "of": of, "id": id(&major), "customer_id": id(&customer), "due_at": due,
            "customer_name": "上海林氏贸易有限公司", "overdue": overdue })
    };
    let (interim, resolution) = (
        deadline("complaint_interim", "2026-11-25T02:00:00Z", false),
        deadline("complaint_resolution", "2026-11-30T02:00:00Z", false),
    );
    assert_eq!(mine["deadlines"], json!([interim, resolution]));
    let accept = ["1 accept 2026-11-23T04:00:00Z false", "4 accept 2026-11-24T02:00:00Z false"];
    assert_eq!(tasks(&today(&director).await), accept);
    assert_eq!(tasks(&today(&manager).await), accept[..1], "not what is said of oneself");
    let desk = today(&office).await;
    let file = [1, 2, 3, 4].map(|n| format!("{n} file 2026-11-24T10:00:00Z false"));
    let expected: Vec<&str> = accept.into_iter().chain(file.iter().map(String::as_str)).collect();
    assert_eq!(tasks(&desk), expected, "also those that are open are filed");
    let of: Vec<&Value> =
        desk["deadlines"].as_array().unwrap().iter().map(|it| &it["of"]).collect();
    assert_eq!(
        of,
        [
            "complaint_first_response",
            "complaint_resolution",
            "complaint_first_response",
            "complaint_filing",
            "complaint_filing",
            "complaint_filing",
            "complaint_filing",
            "complaint_resolution"
        ]
    );
    for nobody in [&other, &stranger] {
        let today = today(nobody).await;
        assert_eq!((&today["counts"]["complaints"], tasks(&today).len()), (&json!(0), 0));
        assert!(!today.to_string().contains("林氏"));
    }

    // Wednesday noon: one waits for the customer since yesterday, the others are late.
    step(&seller, &major, "start", Value::Null).await.expect(200);
    let told = json!({ "text": "换货", "customer_informed": true });
    step(&seller, &major, "proposals", told).await.expect(200);
    step(&seller, &major, "wait", json!({ "reason": "等样品" })).await.expect(200);
    step(&office, &general, "accept", owner).await.expect(200);
    clock.set(at("2026-11-26T04:00:00Z"));
    let (seller, office, manager) =
        (service.signed_in(seller.id), service.signed_in(office.id), service.signed_in(manager.id));
    let mine = today(&seller).await;
    assert_eq!(tasks(&mine), ["4 handle 2026-11-26T02:00:00Z true", "2 handle - false"]);
    assert_eq!(mine["complaints"][1]["filing_due"], "2026-11-24T10:00:00Z");
    let desk = today(&office).await;
    let filed_late = |n: i32| format!("{n} file 2026-11-24T10:00:00Z true");
    let first = "1 accept 2026-11-23T04:00:00Z true".to_owned();
    assert_eq!(tasks(&desk), [vec![first], [1, 2, 3, 4].map(filed_late).to_vec()].concat());
    let counts = [("", 5), ("_overdue", 5), ("_to_accept", 1), ("_to_file", 4)];
    for (name, count) in counts {
        assert_eq!(desk["counts"][format!("complaints{name}")], count, "{name}");
    }
    assert!(desk["deadlines"].as_array().unwrap().iter().all(|it| it["overdue"] == true));

    // The counts of the board equal the lists of the same manager.
    let board = manager.get(BOARD).await.expect(200)["items"].clone();
    let row =
        board.as_array().unwrap().iter().find(|it| it["user_id"] == json!(seller.id)).unwrap();
    let owned = format!("complaints?owner_id={}", seller.id);
    for (name, filter, count) in [
        ("open", "status=registered,accepted,in_progress,pending_customer", 2),
        ("overdue", "overdue=true", 1),
        ("unfiled", "status=resolved&filed=false", 1),
    ] {
        let listed = list(&manager, &format!("{owned}&{filter}")).await.len();
        assert_eq!((&row[format!("complaints_{name}")], listed), (&json!(count), count), "{name}");
    }
    step(&office, &spot, "file", Value::Null).await.expect(200);
    step(&office, &urgent, "accept", json!({ "owner_id": office.id })).await.expect(200);
    let desk = today(&office).await;
    let handle = "1 handle 2026-11-24T02:00:00Z true".to_owned();
    assert_eq!(tasks(&desk), [vec![handle], [1, 2, 4].map(filed_late).to_vec()].concat());
    let board = office.get(BOARD).await.expect(200)["items"].clone();
    let of_office = board.as_array().unwrap().iter().find(|it| it["user_id"] == json!(office.id));
    assert_eq!(of_office.unwrap()["complaints_open"], 1, "whoever has one stands there");
}

#[actix_web::test]
async fn fifty_of_each_task() {
    let service = Service::start_at(Clock::fixed(at("2026-11-23T02:00:00Z"))).await;
    let erp = service.client(Role::Erp, "crm").await;
    let office = service.actor(Role::BackOffice).await;
    let customer = office.customer("上海林氏贸易有限公司").await;
    let item = |n: i32| {
        let mut item = json!({ "external_id": n.to_string(), "customer_id": id(&customer),
            "category": "quality", "description": "外壳开裂",
            "status": if n % 2 == 0 { "resolved" } else { "accepted" } });
        if n % 2 == 1 {
            item["owner_external_id"] = json!(format!("e-{}", office.id));
            item["owner_source_system"] = json!("test");
        }
        item
    };
    let items: Vec<Value> = (0..120).map(item).collect();
    let told = erp.post("/api/v1/complaints/batch", json!({ "items": items })).await.expect(200);
    assert_eq!(told["created"], 120, "{told:#}");
    let today = today(&office).await;
    assert_eq!((&today["counts"]["complaints"], tasks(&today).len()), (&json!(180), 100));
    assert_eq!(today["counts"]["complaints_to_file"], 120);
    let files = tasks(&today).iter().filter(|it| it.contains(" file ")).count();
    assert_eq!(files, 50);
}
