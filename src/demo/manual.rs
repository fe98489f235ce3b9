//! Data that people enter manually: growth opportunities, suggestions, cash-flow advice, promises,
//! a risk case and ad-hoc tasks.

use exchange::Error;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::calendar::{working_after, working_before};
use crate::people::{People, Travel};
use crate::visits::at;

const SELLER: &str = "wang.fang";
const OFFICE: &str = "fang.wen";
const CREDIT: &str = "cheng.gang";
const FINANCE: &str = "xu.jing";

/// Enters the data for the salesperson's own customers, so that her managers see it as well.
pub async fn run(people: &People, today: Date, travel: Travel<'_>) -> Result<(), Error> {
    grow(people, today).await?;
    listen(people).await?;
    assign(people, today).await?;
    collect(people, today, travel).await
}

/// Reads the rows of a list.
async fn list(people: &People, path: &str) -> Result<Vec<Value>, Error> {
    let page = people.get(SELLER, format!("/api/v1/{path}")).await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

/// Creates opportunities 增长机会 for the first customers of the growth list.
async fn grow(people: &People, today: Date) -> Result<(), Error> {
    let steps = [
        ("润滑油品", "60000", "送样品试用"),
        ("劳保用品", "35000", "约见安全主管"),
        ("仓储搬运", "120000", "上门量尺报价"),
    ];
    let customers = list(people, "me/growth-list?limit=3").await?;
    for ((customer, (category, amount, step)), days) in customers.iter().zip(steps).zip(2..) {
        let body = json!({ "customer_id": customer["customer_id"], "category": category,
            "potential_amount": amount, "next_step": step,
            "next_step_on": working_after(today, days).to_string() });
        people.post(SELLER, "/api/v1/opportunities".into(), &body).await?;
    }
    Ok(())
}

/// Creates suggestions 客户建议, adopts the first one, and adds advice on cash flow.
async fn listen(people: &People) -> Result<(), Error> {
    let said = [
        ("delivery", "希望周六也能送货"),
        ("product", "手套最好有大号"),
        ("service", "希望能在微信里查到货"),
    ];

    let visits = list(people, "visits?status=completed&limit=3").await?;
    for (number, (visit, (category, text))) in visits.iter().zip(said).enumerate() {
        let visit = format!("/api/v1/visits/{}", id(visit));
        let body = json!({ "category": category, "text": text });
        let made = people.post(SELLER, format!("{visit}/suggestions"), &body).await?;
        if number == 0 {
            let answer = json!({ "decision": "adopted", "answer": "下月起周六送货" });
            let path = format!("/api/v1/suggestions/{}/answer", id(&made));
            people.post(OFFICE, path, &answer).await?;
            let advice = json!({ "topic": "inventory", "advice": "安全库存可降到两周用量",
                "agreed": "先从劳保用品试行" });
            people.post(SELLER, format!("{visit}/cashflow-advice"), &advice).await?;
        }
    }
    Ok(())
}

/// Assigns ad-hoc tasks 临时任务: one is done, one has been reported, and one is new.
async fn assign(people: &People, today: Date) -> Result<(), Error> {
    let tasks = ["整理样品室并拍照", "核对三家客户的开票资料", "准备周五会议的产品演示"];
    let seller = people.get(SELLER, "/api/v1/me".into()).await?;
    for (number, title) in tasks.iter().enumerate() {
        let body = json!({ "title": title, "owner_id": seller["id"],
            "due_on": working_after(today, 2).to_string() });
        let made = people.post(OFFICE, "/api/v1/objects/task".into(), &body).await?;
        let action = |name: &str| format!("/api/v1/objects/task/{}/{name}", id(&made));
        if number < 2 {
            people.post(SELLER, action("accept"), &json!({})).await?;
            let result = json!({ "result": "已完成,照片见附件" });
            people.post(SELLER, action("submit"), &result).await?;
        }
        if number == 0 {
            people.post(OFFICE, action("complete"), &json!({})).await?;
        }
    }
    Ok(())
}

/// Opens a risk case and requests a write-off for the oldest overdue invoice. Records promises
/// 付款承诺 for all of them; the one for the oldest invoice is broken.
async fn collect(people: &People, today: Date, travel: Travel<'_>) -> Result<(), Error> {
    let invoices = list(people, "invoices?overdue=true&sort=due_date&limit=3").await?;
    let Some((oldest, others)) = invoices.split_first() else { return Ok(()) };
    let customer = &oldest["customer_id"];
    let case = json!({ "customer_id": customer, "trigger": "overdue", "note": "多次催收未付" });
    let case = people.post(CREDIT, "/api/v1/risk-cases".into(), &case).await?;
    let measure = json!({ "measure": "remind", "note": "已发催款函" });
    people.post(CREDIT, format!("/api/v1/risk-cases/{}/measures", id(&case)), &measure).await?;
    let loss = json!({ "invoice_id": oldest["id"], "amount": "50", "reason": "尾差,客户拒付" });
    people.post(FINANCE, "/api/v1/write-off-requests".into(), &loss).await?;

    let made = working_before(today.saturating_sub(20.days()));
    travel(Some(at(made, 10 * 60)));
    let broken = promise(people, oldest, working_after(made, 5)).await;
    travel(None);
    broken?;
    for invoice in others {
        promise(people, invoice, working_after(today, 5)).await?;
    }
    Ok(())
}

async fn promise(people: &People, invoice: &Value, due: Date) -> Result<(), Error> {
    let promise = json!({ "customer_id": invoice["customer_id"], "invoice_id": invoice["id"],
        "amount": invoice["open_amount"], "note": "财务排款中", "due_on": due.to_string() });
    people.post(SELLER, "/api/v1/promises".into(), &promise).await.map(drop)
}

fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap_or_default()
}
