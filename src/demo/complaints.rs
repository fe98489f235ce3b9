//! The complaints of a year: on the spot and in the office, on time and late, filed 备案 and not yet,
//! again and again.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::catalogue::Product;
use crate::market::Customer;
use crate::money::yuan;
use crate::organisation::leader_of;
use crate::random::Random;
use crate::visits::{Visit, at, working};

/// Days of complaints before today.
const PAST: i64 = 365;

/// A category, and what customers say of it.
const SAYINGS: &[(&str, &[&str])] = &[
    ("quality", &["轴承异响,要求换货", "外壳开裂", "密封件漏油", "尺寸与图纸不符"]),
    ("delivery", &["送货晚了三天,产线停工", "少发两箱", "外包装破损"]),
    ("price", &["发票价格与合同不符", "同行拿到的价格更低"]),
    ("service_attitude", &["电话没人接", "业务员答应的事没有办"]),
    ("document", &["缺少合格证", "发票抬头写错"]),
    ("after_sales", &["维修等了两周", "备件一直没有货"]),
    ("other", &["希望增加自提点"]),
];

struct Case<'a> {
    code: String,
    customer: &'a str,
    seller: &'static str,
    visit: Option<&'a Visit>,
    when: Timestamp,
    day: Date,
    repeats: Option<(String, &'static str)>,
}

/// What the customers of the visits said on the spot, and what others said by telephone.
pub fn complaints(
    today: Date,
    customers: &[Customer],
    products: &[Product],
    visits: &[Visit],
) -> Vec<Value> {
    let mut items = vec![];
    let heard = visits.iter().filter_map(|visit| Some((visit, visit.complained?)));
    for (visit, when) in heard {
        let case = Case {
            code: format!("K{}", &visit.external_id[1..]),
            customer: &visit.customer,
            seller: visit.seller,
            visit: Some(visit),
            when,
            day: visit.day,
            repeats: None,
        };
        tell(today, &case, products, &mut items);
    }
    let first = today.saturating_sub(PAST.days());
    let days = first.series(1.day()).take_while(|day| *day < today);
    for day in days.filter(|day| working(*day)) {
        let mut random = Random::of_day("complaints", day);
        for number in 1..=random.between(0, 1) {
            let place = random.weighted(customers.iter().map(|it| it.importance(day)));
            let Some(customer) = place.map(|it| &customers[it]) else { continue };
            let case = Case {
                code: format!("K{:04}{:02}{:02}-{number}", day.year(), day.month(), day.day()),
                customer: &customer.external_id,
                seller: customer.owner,
                visit: None,
                when: at(day, 9 * 60 + random.between(0, 500)),
                day,
                repeats: None,
            };
            tell(today, &case, products, &mut items);
        }
    }
    items
}

/// The complaint, and what comes of it later.
fn tell(today: Date, case: &Case<'_>, products: &[Product], items: &mut Vec<Value>) {
    let mut random = Random::of(&format!("complaint {}", case.code));
    let (category, sayings) = match &case.repeats {
        Some((_, category)) => *SAYINGS.iter().find(|it| it.0 == *category).unwrap_or(&SAYINGS[0]),
        None => SAYINGS[random.weighted([40, 20, 12, 8, 8, 9, 3].into_iter()).unwrap_or_default()],
    };
    let severity = match random.between(0, 99) {
        0..65 => "general",
        65..90 => "major",
        _ => "urgent",
    };
    let channel = match (&case.visit, random.between(0, 9)) {
        (Some(_), _) => "visit",
        (None, 0..5) => "phone",
        (None, 5..8) => "wechat",
        (None, 8) => "email",
        _ => "portal",
    };
    let mut item = json!({
        "external_id": case.code,
        "customer_external_id": case.customer,
        "category": category,
        "severity": severity,
        "channel": channel,
        "description": random.choose(sayings),
        "occurred_at": case.when.to_string(),
        "received_at": case.when.to_string(),
        "reporter_external_id": case.seller,
    });
    if let Some(visit) = case.visit {
        item["visit_external_id"] = visit.external_id.clone().into();
    }
    if let Some((first, _)) = &case.repeats {
        item["repeat_of_external_id"] = first.clone().into();
    }
    if matches!(category, "quality" | "after_sales") {
        item["product_external_id"] = random.choose(products).code.clone().into();
    }
    let on_the_spot = case.visit.is_some() && case.repeats.is_none() && random.percent(55);
    let closed = if on_the_spot {
        on_the_spot_item(today, case, &mut item, &mut random)
    } else {
        office_item(today, case, severity, &mut item, &mut random)
    };
    items.push(item);
    // 再次追诉, within 90 days of the closing; some a third time.
    let again =
        closed.filter(|_| random.percent(9) || case.repeats.is_some() && random.percent(20));
    if let Some(closed) = again {
        let day = closed.saturating_add(random.between(10, 80).days());
        if day < today {
            let code = format!("{}-R", case.code);
            let (when, first) = (at(day, 10 * 60), case.code.clone());
            let repeats = Some((first, category));
            tell(today, &Case { code, visit: None, when, day, repeats, ..*case }, products, items);
        }
    }
}

/// Settled by the seller; the back office files it the next working day, most of the time.
fn on_the_spot_item(
    today: Date,
    case: &Case<'_>,
    item: &mut Value,
    random: &mut Random,
) -> Option<Date> {
    let confirmed = case.when.to_string();
    item["status"] = "resolved".into();
    item["owner_external_id"] = case.seller.into();
    item["resolution_mode"] = "on_the_spot".into();
    item["resolution"] = (*random.choose(&["当场更换新品", "当场补发", "当面致歉并说明"])).into();
    item["first_response_at"] = confirmed.clone().into();
    item["resolved_at"] = confirmed.clone().into();
    item["customer_confirmed_by"] = "signature".into();
    item["customer_confirmed_at"] = confirmed.into();
    item["satisfaction"] = random.between(2, 5).into();
    if random.percent(40) {
        item["compensation_amount"] = yuan(random.between(20, 500) * 100).into();
        item["compensation_currency"] = "CNY".into();
    }
    file(today, case.day, case, item, random)
}

/// Accepted, handled, settled; some refused, withdrawn, waiting for the customer, or late.
fn office_item(
    today: Date,
    case: &Case<'_>,
    severity: &str,
    item: &mut Value,
    random: &mut Random,
) -> Option<Date> {
    let late = random.percent(15);
    let respond = random.between(1, if severity == "urgent" { 2 } else { 10 }) * 60;
    let takes = match (severity, late) {
        ("urgent", false) => 1,
        (_, false) => random.between(1, 3),
        _ => random.between(6, 20),
    };
    let (fate, waits) = (random.between(0, 99), random.percent(30));
    let owner =
        if random.percent(50) { leader_of(case.seller).unwrap_or("fang.wen") } else { "fang.wen" };
    let accepted = case.when + (respond + if late { 30 * 60 } else { 0 }).minutes();
    // The demo may be set up at any time of the day.
    let accepted = accepted.min(at(today, 0));
    let settled = case.day.saturating_add((takes + i64::from(late)).days());
    let (answer, root_cause) = (
        *random.choose(&["换货,并承担运费", "补开单据", "派技术人员上门", "退差价"]),
        *random.choose(&["包装不防潮", "仓库拣货错误", "供应商批次问题", "系统资料未更新"]),
    );
    let paid = random.percent(35).then(|| yuan(random.between(50, 3000) * 100));
    let foreign = random.percent(10);
    let age = today.since(case.day).map_or(0, |it| it.get_days());
    let status = match age {
        ..=1 => "registered",
        _ if fate < 4 => "rejected",
        _ if fate < 8 => "withdrawn",
        2 => "accepted",
        _ if settled < today => "resolved",
        _ if waits => "pending_customer",
        _ => "in_progress",
    };
    item["status"] = status.into();
    let reason = match status {
        "rejected" => Some("已过保修期,且为人为损坏"),
        "withdrawn" => Some("客户确认是自己误操作"),
        "pending_customer" => Some("等客户寄回样品"),
        _ => None,
    };
    if let Some(reason) = reason {
        item["status_reason"] = reason.into();
    }
    if matches!(status, "registered" | "withdrawn") {
        return None;
    }
    item["owner_external_id"] = owner.into();
    item["first_response_at"] = accepted.to_string().into();
    if severity == "major" && age > 2 {
        item["interim_at"] = (accepted + 10.hours()).to_string().into();
    }
    if status != "resolved" {
        return None;
    }
    item["resolution_mode"] = "office".into();
    item["resolution"] = answer.into();
    item["root_cause"] = root_cause.into();
    item["resolved_at"] = at(settled, 16 * 60).to_string().into();
    if let Some(paid) = paid {
        item["compensation_amount"] = paid.into();
        item["compensation_currency"] = if foreign { "USD" } else { "CNY" }.into();
    }
    file(today, settled, case, item, random)
}

/// Filed some days after it was settled, closed a week later. Tells when it was closed.
fn file(
    today: Date,
    settled: Date,
    case: &Case<'_>,
    item: &mut Value,
    random: &mut Random,
) -> Option<Date> {
    let waits = if random.percent(85) { random.between(1, 3) } else { random.between(8, 30) };
    let (filed, satisfaction) = (settled.saturating_add(waits.days()), random.between(1, 5));
    if filed >= today {
        return None;
    }
    item["filed_no"] = format!("F-{}", &case.code[1..]).into();
    item["filed_at"] = at(filed, 15 * 60).to_string().into();
    let closed = filed.saturating_add(7.days());
    if closed >= today {
        return None;
    }
    item["status"] = "closed".into();
    item["closed_at"] = at(closed, 11 * 60).to_string().into();
    if item["customer_confirmed_by"].is_null() {
        item["follow_up_call_at"] = at(closed, 10 * 60).to_string().into();
        item["satisfaction"] = satisfaction.into();
    }
    Some(closed)
}
