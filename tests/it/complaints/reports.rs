//! Reports on complaints: every figure equals the number that the same caller can count in the
//! list.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use salesbook::access::Role;
use salesbook::platform::Timestamp;
use serde_json::{Value, json};

use crate::complaints::{at, step};
use crate::reports::totals::list;
use crate::reports::{report, table};
use crate::support::harness::{Actor, Service};
use crate::visits::reports::{
    Field, agree, contains, count, customers, field, grouped, ratio, rounded, send, service, text,
};

const PERIOD: &str = "from=2026-03-01&to=2026-07-01";
const NOW: &str = "2026-06-24T04:00:00Z";
const OPEN: [&str; 4] = ["registered", "accepted", "in_progress", "pending_customer"];

/// Sixty complaints of every status and severity, some of them repeated, reopened or dispatched,
/// with compensation in four currencies, one of them without an exchange rate.
pub async fn complaints(service: &Service, field: &Field<'_>) {
    let (erp, office) =
        (service.client(Role::Erp, "crm2").await, service.actor(Role::BackOffice).await);
    for (from, to, rate) in [("USD", "CNY", "7.1"), ("CNY", "EUR", "0.125")] {
        let rate = json!({ "from": from, "to": to, "valid_on": "2026-01-01", "rate": rate });
        service.actor(Role::Admin).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    }
    let product = |n: usize| json!({ "external_id": format!("P{n}"), "code": format!("P{n}"), "name": format!("P{n}"), "unit": "个" });
    send(&erp, "products", (0..3).map(product).collect()).await;
    let customer = |n: usize| format!("C{}", [0, 1, 3, 4, 5, 6, 7, 8][n % 8]);
    let item = |n: usize| {
        let statuses = [
            "closed",
            "resolved",
            "registered",
            "accepted",
            "in_progress",
            "pending_customer",
            "rejected",
            "withdrawn",
            "resolved",
            "closed",
        ];
        let status = statuses[n % 10];
        // Some on the last evening of a month in Shanghai, some yesterday.
        let day = if n % 6 == 5 {
            "2026-06-19".into()
        } else {
            format!(
                "2026-{:02}-{:02}",
                2 + n % 5,
                if n.is_multiple_of(4) && n % 5 != 4 { 28 } else { 1 + n % 19 }
            )
        };
        let received = at(&format!("{day}T17:{n:02}:00Z"));
        // No event may be in the future.
        let later = |hours: i64| {
            let later = Timestamp(received.0 + jiff::SignedDuration::from_hours(hours));
            json!(later.min(service.inner.clock.now()))
        };
        let (severity, category, channel) = (
            ["general", "major", "urgent"][n % 3],
            ["quality", "delivery", "price"][n / 2 % 3],
            ["phone", "wechat"][n % 2],
        );
        let mut item = json!({ "external_id": n.to_string(), "description": "外壳开裂", "status": status,
            "customer_external_id": customer(n), "customer_source_system": "crm", "received_at": received,
            "severity": severity, "product_source_system": "crm2",
            "category": category, "channel": channel });
        if !n.is_multiple_of(4) {
            item["product_external_id"] = json!(format!("P{}", n % 3));
        }
        if status != "registered" && status != "withdrawn" {
            item["owner_id"] = json!(field.sellers[n / 3 % 3].id);
            item["first_response_at"] = later(if n.is_multiple_of(2) { 1 } else { 30 });
        }
        if n.is_multiple_of(5) {
            item["interim_at"] = later(30);
        }
        if matches!(status, "resolved" | "closed") {
            item["resolved_at"] = later([2, 50, 300][n % 3]);
            item["resolution_mode"] = json!(["on_the_spot", "office"][n % 2]);
            item["compensation_amount"] = json!(format!("{}.{:02}", n * 3, n));
            item["compensation_currency"] = json!(["CNY", "USD", "EUR", "JPY"][n % 4]);
            if n % 5 == 4 || status == "closed" {
                item["filed_at"] = later(301);
                item["filed_no"] = json!(format!("F-{n}"));
            }
        }
        if n > 30 && n.is_multiple_of(3) {
            item["repeat_of_external_id"] = json!((n - 24).to_string());
        }
        if n.is_multiple_of(7) {
            item["reporter_id"] = json!(field.sellers[(n + 1) % 3].id);
        }
        item
    };
    send(&erp, "complaints", (0..60).map(item).collect()).await;
    for (n, complaint) in list(&office, "complaints?sort=created_at").await.iter().enumerate() {
        let path = format!("/api/v1/complaints/{}", text(complaint, "id"));
        let open = OPEN.contains(&text(complaint, "status"));
        if n.is_multiple_of(6) && (open || complaint["status"] == "resolved") {
            step(&office, &path, "dispatch", Value::Null).await.expect(200);
        }
        if n % 4 == 1 && complaint["status"] == "resolved" && *received(complaint) >= *"2026-06-01"
        {
            step(&office, &path, "reopen", json!({ "reason": "又坏了" })).await.expect(200);
        }
    }
}

fn instant(row: &Value, name: &str) -> Option<jiff::Timestamp> {
    row[name].as_str().map(|it| it.parse().unwrap())
}

fn day(row: &Value, name: &str) -> String {
    let zoned = instant(row, name).unwrap().in_tz("Asia/Shanghai").unwrap();
    zoned.date().to_string()
}

/// The day of receipt in the company's time zone.
fn received(complaint: &Value) -> String {
    day(complaint, "received_at")
}

fn is(complaint: &Value, statuses: &[&str]) -> bool {
    statuses.contains(&text(complaint, "status"))
}

fn figures(of: &[&Value]) -> Value {
    let average = |done: &str| {
        let hours = |it: &&Value| {
            let taken = instant(it, done)?.duration_since(instant(it, "sla_started_at").unwrap());
            Some(Decimal::from(taken.as_secs()) / Decimal::from(3600))
        };
        let hours: Vec<Decimal> = of.iter().filter_map(hours).collect();
        let average = hours.iter().sum::<Decimal>().checked_div(Decimal::from(hours.len()));
        average.map(|average| rounded(average, 4))
    };
    let rate = |it: &Value| match text(it, "compensation_currency") {
        "CNY" => Some("1"),
        "USD" => Some("7.1"),
        "EUR" => Some("8"),
        _ => None,
    };
    let paid = |it: &&Value| -> Option<Decimal> {
        let amount: Decimal = it["compensation_amount"].as_str()?.parse().unwrap();
        Some(amount * rate(it)?.parse::<Decimal>().unwrap())
    };
    let unpriced = |it: &Value| !it["compensation_amount"].is_null() && rate(it).is_none();
    json!({ "complaints": of.len(), "open": count(of, |it| is(it, &OPEN)),
        "resolved": count(of, |it| is(it, &["resolved"])),
        "closed": count(of, |it| is(it, &["closed"])),
        "on_the_spot": count(of, |it| it["resolution_mode"] == "on_the_spot"),
        "average_response_hours": average("first_response_at"),
        "average_resolution_hours": average("resolved_at"),
        "compensation": rounded(of.iter().filter_map(paid).sum(), 4),
        "compensation_without_rate": count(of, unpriced) })
}

type Key<'a> = Box<dyn Fn(&Value) -> String + 'a>;

async fn check_groups(actor: &Actor<'_>, of: &[&Value], regions: &BTreeMap<String, String>) {
    let month = |it: &Value| received(it)[..7].to_owned();
    let region = |it: &Value| regions[text(it, "customer_id")].clone();
    let by = |name: &'static str| move |it: &Value| text(it, name).to_owned();
    let response = |it: &Value| {
        let over = !it["first_response_at"].is_null() || !is(it, &OPEN);
        let late = it["first_response_breached"] == true;
        if late {
            "late"
        } else if over {
            "kept"
        } else {
            "pending"
        }
        .to_owned()
    };
    let groupings: [(&str, &[&str], Key<'_>); 11] = [
        ("customer", &["customer_id"], Box::new(by("customer_id"))),
        ("response", &["response"], Box::new(response)),
        ("product", &["product_id"], Box::new(by("product_id"))),
        ("category", &["category"], Box::new(by("category"))),
        ("channel", &["channel"], Box::new(by("channel"))),
        ("region", &["region"], Box::new(region)),
        ("month", &["month"], Box::new(month)),
        ("status", &["status"], Box::new(by("status"))),
        ("severity", &["severity"], Box::new(by("severity"))),
        ("owner", &["owner_id"], Box::new(by("owner_id"))),
        (
            "month,region,owner",
            &["month", "region", "owner_id"],
            Box::new(|it| format!("{} {} {}", month(it), region(it), text(it, "owner_id"))),
        ),
    ];
    for (names, keys, key) in groupings {
        let told = report(actor, &format!("complaints?group_by={names}&{PERIOD}")).await;
        let groups = grouped(of.iter().copied(), key);
        let expected = groups.into_iter().map(|it| (it.0, figures(&it.1))).collect();
        agree(&told, keys, &expected);
        contains(&told["totals"], &figures(of));
        assert_eq!(told["totals"]["customers"], customers(of).len());
    }
}

fn kept(of: &[&Value]) -> Value {
    let mut all = json!({ "complaints": of.len() });
    for (name, due, done, late) in [
        ("first_response", "first_response_due", "first_response_at", "first_response_breached"),
        ("interim", "interim_due", "interim_at", "interim_breached"),
        ("resolution", "resolve_due", "resolved_at", "resolve_breached"),
    ] {
        let over = |it: &Value| !it[done].is_null() || !is(it, &OPEN);
        let kept = count(of, |it| !it[due].is_null() && over(it) && it[late] == false);
        let late = count(of, |it| it[late] == true);
        all[format!("{name}_kept")] = json!(kept);
        all[format!("{name}_late")] = json!(late);
        all[format!("{name}_percent")] = ratio(kept, kept + late, 100, 2);
    }
    all
}

async fn check_sla(actor: &Actor<'_>, of: &[&Value]) {
    let told = report(actor, &format!("sla?{PERIOD}")).await;
    let key = |it: &Value| format!("{} {}", text(it, "owner_id"), text(it, "severity"));
    let groups = grouped(of.iter().copied(), key);
    let expected = groups.into_iter().map(|it| (it.0, kept(&it.1))).collect();
    agree(&told, &["owner_id", "severity"], &expected);
    contains(&told["totals"], &kept(of));
}

async fn check_unfiled(actor: &Actor<'_>) {
    let unfiled = "registered,accepted,in_progress,pending_customer,resolved";
    let waiting = list(actor, &format!("complaints?status={unfiled}&filed=false")).await;
    let told = report(actor, "unfiled").await;
    let expected: BTreeMap<String, Value> = waiting
        .iter()
        .map(|it| {
            let on = (it["status"] == "resolved").then(|| day(it, "resolved_at"));
            let days = on.as_ref().map(|on| {
                let as_of = "2026-06-24".parse::<jiff::civil::Date>().unwrap();
                as_of.since(on.parse::<jiff::civil::Date>().unwrap()).unwrap().get_days()
            });
            (
                text(it, "id").to_owned(),
                json!({ "number": it["number"], "customer_id": it["customer_id"],
            "owner_id": it["owner_id"], "resolved_on": on, "days_waiting": days, 
            "overdue": text(it, "filing_due") < NOW }),
            )
        })
        .collect();
    agree(&told, &["complaint_id"], &expected);
    let longest = expected.values().filter_map(|it| it["days_waiting"].as_i64()).max();
    let overdue = expected.values().filter(|it| it["overdue"] == true).count();
    assert_eq!(
        told["totals"],
        json!({ "complaints": expected.len(), "overdue": overdue,
        "longest_days_waiting": longest })
    );
}

async fn check_repeats(actor: &Actor<'_>, all: &[Value]) {
    let told = report(actor, "repeat-complaints").await;
    let by_id: BTreeMap<&str, &Value> = all.iter().map(|it| (text(it, "id"), it)).collect();
    let first = |it: &Value| {
        let mut it = by_id[text(it, "id")];
        while let Some(above) = by_id.get(text(it, "repeat_of_id")) {
            it = above;
        }
        text(it, "id").to_owned()
    };
    let again = |it: &Value| !it["repeat_of_id"].is_null() || it["reopenings"] != 0;
    let chains = grouped(all, first);
    let chains: BTreeMap<_, _> = chains.into_iter().filter(|it| count(&it.1, again) > 0).collect();
    let rows = told["rows"].as_array().unwrap();
    let links = |row: &Value| -> BTreeSet<String> {
        table(&json!({ "rows": row["links"] }), &["complaint_id"]).into_iter().collect()
    };
    assert_eq!(rows.len(), chains.len());
    let repeats = |row: &Value| row["repeats"].as_u64().unwrap();
    assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(repeats(row))));
    for row in rows {
        let begins = &row["links"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| text(it, "complaint_id"))
            .find_map(|id| chains.get_key_value(id))
            .unwrap();
        let (root, of) = (by_id[begins.0.as_str()], begins.1);
        let days: BTreeSet<String> = of.iter().map(|it| received(it)).collect();
        assert_eq!(links(row), of.iter().map(|it| text(it, "id").to_owned()).collect());
        let reopenings: i64 = of.iter().map(|it| it["reopenings"].as_i64().unwrap()).sum();
        contains(
            row,
            &json!({ "customer_id": root["customer_id"], "product_id": root["product_id"],
            "category": root["category"], "complaints": of.len(), "repeats": count(of, again),
            "reopenings": reopenings, "first_received_on": days.first(),
            "last_received_on": days.last() }),
        );
    }
    // The expected figures from the list.
    let listed = list(actor, "complaints?repeat=true").await;
    assert_eq!(
        (&told["totals"]["repeats"], &told["totals"]["chains"]),
        (&json!(listed.len()), &json!(chains.len()))
    );
}

#[actix_web::test]
async fn every_figure_is_what_the_same_caller_can_count() {
    let service = service().await;
    let field = field(&service).await;
    complaints(&service, &field).await;
    let office = service.actor(Role::BackOffice).await;
    let region = |it: &Value| (text(it, "id").to_owned(), text(it, "region").to_owned());
    let regions = list(&office, "customers?sort=name").await.iter().map(region).collect();
    let Field { lead, sellers, .. } = field;
    let mut actors = vec![lead];
    actors.extend(sellers);
    for role in Role::ALL {
        actors.push(service.actor(*role).await);
    }
    // Complaints that wait for the customer do not become late.
    service.inner.clock.set(at(NOW));
    let mut different = BTreeSet::new();
    for actor in &actors {
        let actor = &service.signed_in(actor.id);
        let all = list(actor, "complaints?sort=created_at").await;
        let of: Vec<&Value> = all
            .iter()
            .filter(|it| ("2026-03-01".to_owned().."2026-07-01".to_owned()).contains(&received(it)))
            .collect();
        check_groups(actor, &of, &regions).await;
        check_sla(actor, &of).await;
        check_unfiled(actor).await;
        check_repeats(actor, &all).await;
        different.insert(all.len());
    }
    assert!(different.len() >= 5, "the callers see different things: {different:?}");
    assert!(different.contains(&60) && different.contains(&0), "{different:?}");
    let office = service.signed_in(office.id);
    let told = report(&office, &format!("complaints?{PERIOD}")).await;
    assert_eq!(told["rows"], json!([]));
    assert_ne!(told["totals"]["compensation_without_rate"], 0);
    let told = report(&office, &format!("sla?{PERIOD}")).await["totals"].clone();
    for name in ["first_response", "interim", "resolution"] {
        for what in ["kept", "late"] {
            assert_ne!(told[format!("{name}_{what}")], 0, "{name} {what}");
        }
    }
    let told = report(&office, "repeat-complaints").await;
    assert_ne!(told["totals"]["reopenings"], 0);
    assert!(told["rows"][0]["repeats"].as_u64() > Some(1), "a chain of three: {told:#}");
}
