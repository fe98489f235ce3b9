//! Follow-ups: no batch brings them, so the people of the demo make them, one in every status.

use std::sync::Arc;

use exchange::{Client, Credentials, Error};
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::market::Customer;
use crate::visits::at;
use crate::{Login, SOURCE_SYSTEM};

/// What somebody does with a follow-up: who, the action, what they say.
type Step = (&'static str, &'static str, Option<(&'static str, &'static str)>);

/// A follow-up, and what becomes of it.
#[derive(Debug, PartialEq)]
pub struct Errand {
    pub by: &'static str,
    pub item: Value,
    pub steps: Vec<Step>,
}

const OFFICE: &str = "fang.wen";
const SELLER: &str = "wang.fang";
const MANAGER: &str = "zhang.min";

const ACCEPT: Step = (SELLER, "accept", None);
const START: Step = (SELLER, "start", None);
const SUBMIT: Step = (SELLER, "submit", Some(("result", "样品合格,下月订货")));

/// Those of one seller, who can log in.
pub fn errands(today: Date, customers: &[Customer]) -> Vec<Errand> {
    let plans: [(&str, &str, i64, Vec<Step>); 9] = [
        (OFFICE, "了解样品试用情况", 1, vec![]),
        (MANAGER, "确认年度框架合同", 3, vec![]),
        (OFFICE, "跟进上次报价", 2, vec![ACCEPT]),
        (OFFICE, "核实收货地址", 1, vec![ACCEPT, START]),
        (OFFICE, "了解竞品价格", 4, vec![ACCEPT, START, SUBMIT]),
        (
            OFFICE,
            "补充设备清单",
            5,
            vec![ACCEPT, START, SUBMIT, (OFFICE, "return", Some(("reason", "缺少型号")))],
        ),
        (OFFICE, "邀请参加展会", 6, vec![ACCEPT, START, SUBMIT, (OFFICE, "complete", None)]),
        (MANAGER, "约见采购总监", 7, vec![(MANAGER, "cancel", Some(("reason", "客户改期")))]),
        (OFFICE, "催收对账单", 2, vec![ACCEPT]),
    ];
    let theirs = customers.iter().filter(|it| it.owner == SELLER);
    let errand = |((by, instruction, days, steps), customer): (_, &Customer)| Errand {
        by,
        item: json!({
            "customer_external_id": customer.external_id,
            "customer_source_system": SOURCE_SYSTEM,
            "assignee_external_id": SELLER,
            "assignee_source_system": SOURCE_SYSTEM,
            "instruction": instruction,
            "due_at": at(today.saturating_add(1.day().days(days)), 18 * 60).to_string(),
        }),
        steps,
    };
    plans.into_iter().zip(theirs).map(errand).collect()
}

/// Makes them, as the people who do so.
pub async fn run(url: &str, errands: &[Errand], logins: &[Login]) -> Result<(), Error> {
    let mut people = vec![];
    for login in logins {
        let (username, password) = (login.username.to_owned(), login.password.to_owned());
        let own = Credentials::Password { username, password };
        people.push((login.username, Client::connect(url, own, Arc::new(|_| {})).await?));
    }
    let send = async |by: &str, path: String, body: Value| {
        let client = people.iter().find(|it| it.0 == by).map(|it| &it.1);
        let Some(client) = client else { return Ok(Value::Null) };
        let (status, answer) = client.send(&path, &body).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let reason = answer["detail"].as_str().unwrap_or_default().to_owned();
        Err(Error::Refused { path, status, reason })
    };
    for errand in errands {
        let made = send(errand.by, "/api/v1/follow-ups".into(), errand.item.clone()).await?;
        let id = made["id"].as_str().unwrap_or_default();
        for (by, action, said) in &errand.steps {
            let body = said.map_or(Value::Null, |(name, text)| json!({ name: text }));
            send(by, format!("/api/v1/follow-ups/{id}/{action}"), body).await?;
        }
    }
    Ok(())
}
