//! Credit: some customers of one salesperson are investigated and get payment terms with a limit.

use exchange::{Client, Error};
use serde_json::{Value, json};

use crate::SOURCE_SYSTEM;
use crate::people::{People, good};

const OFFICE: &str = "fang.wen";
const SELLER: &str = "wang.fang";

/// Score, payment days, and credit limit in yuan of each customer.
pub const TERMS: [(i64, i64, i64); 3] = [(82, 30, 200_000), (71, 30, 80_000), (58, 15, 20_000)];

/// Enters the credit cases. The back office makes the requests; the administrator investigates and
/// approves.
pub async fn run(admin: &Client, people: &People) -> Result<(), Error> {
    let path = format!(
        "/api/v1/customers?owner_external_id={SELLER}&owner_source_system={SOURCE_SYSTEM}\
         &status=active&limit={}",
        TERMS.len()
    );
    let customers = people.get(OFFICE, path).await?;
    let customers = customers["items"].as_array().cloned().unwrap_or_default();

    for (customer, (score, days, limit)) in customers.iter().zip(TERMS) {
        let customer = format!("/api/v1/customers/{}", id(customer));
        let reason = json!({ "reason": "申请账期" });
        let path = format!("{customer}/credit-investigations");
        let case = people.post(OFFICE, path, &reason).await?;
        let case = format!("/api/v1/credit-investigations/{}", id(&case));
        let found = json!({ "sources": ["国家企业信用信息公示系统"], "lawsuits": "无",
            "payment_history": "付款及时", "score": score, "recommended_limit": limit.to_string() });
        for (action, body) in [("start", Value::Null), ("conclude", found)] {
            let path = format!("{case}/{action}");
            good(path.clone(), admin.send(&path, &body).await?)?;
        }

        let asked = json!({ "payment_days": days, "credit_limit": limit.to_string(),
            "reason": "年采购额增长" });
        let path = format!("{customer}/terms-requests");
        let asked = people.post(OFFICE, path, &asked).await?;
        let asked = format!("/api/v1/terms-requests/{}", id(&asked));
        people.post(OFFICE, format!("{asked}/submit"), &Value::Null).await?;
        let path = format!("{asked}/approve");
        let why = json!({ "reason": "信用良好" });
        good(path.clone(), admin.send(&path, &why).await?)?;
    }
    Ok(())
}

fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap_or_default()
}
