//! Follow-ups: a finished one for every second week of the last year, and current ones in every
//! status.

use exchange::Error;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use crate::SOURCE_SYSTEM;
use crate::calendar::{working_after, working_before, working_from};
use crate::market::Customer;
use crate::people::{People, Travel};
use crate::visits::at;

/// An action on a follow-up: the user, the action, and a field of its body.
type Step = (&'static str, &'static str, Option<(&'static str, &'static str)>);

/// A follow-up of the past: the assigner, the instruction, and the steps with their working days.
type Course = (&'static str, &'static str, Vec<(i64, Step)>);

/// A current follow-up: the assigner, the instruction, the working days until it is due, and its
/// steps.
type Plan = (&'static str, &'static str, i64, Vec<Step>);

/// A follow-up with its steps.
#[derive(Debug, PartialEq)]
pub struct DemoFollowUp {
    pub by: &'static str,
    pub item: Value,
    /// The day on which it was assigned; `None` for now
    pub given: Option<Date>,
    /// The steps, each with the working days that it took
    pub steps: Vec<(i64, Step)>,
}

/// The most working days that a follow-up takes.
const LONGEST: i64 = 8;

const OFFICE: &str = "fang.wen";
const SELLER: &str = "wang.fang";
const MANAGER: &str = "zhang.min";

const ACCEPT: Step = (SELLER, "accept", None);
const START: Step = (SELLER, "start", None);
const SUBMIT: Step = (SELLER, "submit", Some(("result", "样品合格,下月订货")));
const RETURN: Step = (OFFICE, "return", Some(("reason", "缺少型号")));
const COMPLETE: Step = (OFFICE, "complete", None);
const CANCEL: Step = (MANAGER, "cancel", Some(("reason", "客户改期")));

/// The follow-ups of a salesperson who can log in, by the day of their assignment.
pub fn errands(today: Date, customers: &[Customer]) -> Vec<DemoFollowUp> {
    let theirs: Vec<&Customer> =
        customers.iter().filter(|customer| customer.owner == SELLER).collect();
    let mut errands = past(today, &theirs);
    errands.extend(present(today, &theirs));
    errands
}

/// The follow-ups of the past: done in time, done late, or cancelled.
fn past(today: Date, theirs: &[&Customer]) -> Vec<DemoFollowUp> {
    let courses: [Course; 5] = [
        (OFFICE, "跟进样品试用", vec![(1, ACCEPT), (0, START), (1, SUBMIT), (1, COMPLETE)]),
        (OFFICE, "核实开票信息", vec![(0, ACCEPT), (1, START), (0, SUBMIT), (1, COMPLETE)]),
        (OFFICE, "了解扩产计划", vec![(2, ACCEPT), (3, START), (2, SUBMIT), (1, COMPLETE)]),
        (OFFICE, "补充设备清单", vec![(1, ACCEPT), (1, START), (4, SUBMIT), (2, COMPLETE)]),
        (MANAGER, "约见采购总监", vec![(1, CANCEL)]),
    ];

    let mut day = today.saturating_sub(1.year());
    while day.weekday() != Weekday::Monday {
        day = day.saturating_add(1.day());
    }
    let days = std::iter::successors(Some(day), |day| Some(day.saturating_add(14.days())));
    let days = days.map(working_from).take_while(|day| working_after(*day, LONGEST) < today);

    let errand = |(n, (day, (by, instruction, steps))): (usize, (Date, &Course))| DemoFollowUp {
        by,
        item: item(theirs[n % theirs.len()], instruction, working_after(day, 4)),
        given: Some(day),
        steps: steps.clone(),
    };
    days.zip(courses.iter().cycle()).enumerate().map(errand).collect()
}

/// The current follow-ups: one in every status, the first of them due today.
fn present(today: Date, theirs: &[&Customer]) -> Vec<DemoFollowUp> {
    let plans: [Plan; 10] = [
        (OFFICE, "回复样品意见", 0, vec![ACCEPT]),
        (OFFICE, "了解样品试用情况", 1, vec![]),
        (MANAGER, "确认年度框架合同", 3, vec![]),
        (OFFICE, "跟进上次报价", 2, vec![ACCEPT]),
        (OFFICE, "核实收货地址", 1, vec![ACCEPT, START]),
        (OFFICE, "了解竞品价格", 4, vec![ACCEPT, START, SUBMIT]),
        (OFFICE, "补充设备清单", 5, vec![ACCEPT, START, SUBMIT, RETURN]),
        (OFFICE, "邀请参加展会", 6, vec![ACCEPT, START, SUBMIT, COMPLETE]),
        (MANAGER, "约见采购总监", 7, vec![CANCEL]),
        (OFFICE, "催收对账单", 2, vec![ACCEPT]),
    ];

    let errand = |((by, instruction, days, steps), customer): (Plan, &&Customer)| DemoFollowUp {
        by,
        item: item(customer, instruction, working_after(working_from(today), days)),
        // Assigned earlier, because a deadline in the past is refused.
        given: (days == 0).then(|| working_before(today)),
        steps: steps.into_iter().map(|step| (0, step)).collect(),
    };
    plans.into_iter().zip(theirs).map(errand).collect()
}

fn item(customer: &Customer, instruction: &str, due: Date) -> Value {
    json!({
        "customer_external_id": customer.external_id,
        "customer_source_system": SOURCE_SYSTEM,
        "assignee_external_id": SELLER,
        "assignee_source_system": SOURCE_SYSTEM,
        "instruction": instruction,
        "due_at": at(due, 18 * 60).to_string(),
    })
}

/// Creates the follow-ups and takes their steps, each as the user concerned and at its time.
pub async fn run(
    people: &People,
    errands: &[DemoFollowUp],
    travel: Travel<'_>,
) -> Result<(), Error> {
    for errand in errands {
        let mut day = errand.given;
        let moment = |day: Option<Date>| day.map(|day| at(day, 9 * 60 + 30));
        travel(moment(day));
        let made = people.post(errand.by, "/api/v1/follow-ups".into(), &errand.item).await?;
        let id = made["id"].as_str().unwrap_or_default();
        for (days, (by, action, said)) in &errand.steps {
            day = day.map(|day| working_after(day, *days));
            travel(moment(day));
            let body = said.map_or(Value::Null, |(name, text)| json!({ name: text }));
            people.post(by, format!("/api/v1/follow-ups/{id}/{action}"), &body).await?;
        }
    }
    Ok(())
}
