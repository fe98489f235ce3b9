//! Attainment of targets 达成率.

use ::targets::target::{Dimension, Level, Metric, OwnerType, PeriodType};
use access::Can;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use platform::{Date, Error, Fault, NoFilter, Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::measure;
use crate::targets::{BY_PERIOD, by_owner_and_year, one_by_one, wanted};

text_enum! {
    pub enum AttainmentBy {
        Owner = "owner",
        Year = "year",
        Period = "period",
    }
}

/// Selection and grouping of the targets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AttainmentQuery {
    /// Default: `user`
    #[param(inline)]
    pub owner_type: Option<OwnerType>,
    /// Only targets of this user, team or customer, depending on `owner_type`. Targets of the
    /// company and of channels have no owner id
    pub owner_id: Option<Uuid>,
    /// Default: `ordered_amount`
    #[param(inline)]
    pub metric: Option<Metric>,
    /// Default: `base`
    #[param(inline)]
    pub level: Option<Level>,
    #[param(inline)]
    pub period_type: Option<PeriodType>,
    /// Only targets limited to this dimension. Default: all targets; with `group_by` only those
    /// without a dimension, which cover all sales.
    #[param(inline)]
    pub dimension: Option<Dimension>,
    /// Requires `dimension`.
    #[param(min_length = 1, max_length = 200)]
    pub dimension_value: Option<String>,
    /// `owner,year` sums by owner and the year of `period_start`, `period` sums over the owners.
    /// Default: one row per target
    #[param(inline, style = Form, explode = false)]
    group_by: Option<Vec<AttainmentBy>>,
}

/// One target, or with `group_by` the sum of several.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "target_id": "01910000-0000-7000-8000-000000000003",
    "owner_id": "01910000-0000-7000-8000-000000000001", "owner_external_id": "280",
    "owner_name": "王芳", "channel": null, "period_type": "month", "period_start": "2026-11-01",
    "period_end": "2026-12-01", "dimension": null, "dimension_value": null,
    "target_source": "own", "status": "approved", "orders": 9, "target": "165000.0000",
    "actual": "131328.4939", "attainment_percent": "79.59", "gap": "33671.5061", "rank": 1,
    "rank_by_actual": 9, "time_progress_percent": "71.43", "pace": "8.16",
    "required_daily": "5611.9177",
}))]
pub struct AttainmentRow {
    /// Null for a team that is measured by the sum of its members' targets
    #[schema(required = false)]
    pub target_id: Option<Uuid>,
    #[schema(required = false)]
    pub owner_id: Option<Uuid>,
    #[schema(required = false)]
    pub owner_external_id: Option<String>,
    #[schema(required = false)]
    pub owner_name: Option<String>,
    #[schema(required = false)]
    pub channel: Option<String>,
    #[schema(required = false, nullable = false, inline)]
    pub period_type: Option<PeriodType>,
    #[schema(required = false, nullable = false)]
    pub period_start: Option<Date>,
    /// Exclusive
    #[schema(required = false, nullable = false)]
    pub period_end: Option<Date>,
    #[schema(required = false)]
    pub dimension: Option<String>,
    #[schema(required = false)]
    pub dimension_value: Option<String>,
    /// `own`, or `members` for a team without a target of its own
    #[schema(required = false, nullable = false, example = "own")]
    pub target_source: Option<String>,
    #[schema(required = false, nullable = false, example = "approved")]
    pub status: Option<String>,
    /// The year of `period_start`
    #[schema(required = false, nullable = false)]
    pub year: Option<i32>,
    /// 人数: number of owners
    #[schema(required = false, nullable = false)]
    pub people: Option<i64>,
    /// Number of orders that count; for 开票额 and 回款额 of invoices, for 有效拜访数 of visits
    #[schema(required = false, nullable = false)]
    pub orders: Option<i64>,
    /// 目标, in the company's currency
    pub target: Number,
    /// 实绩; a closed target keeps the value recorded at its closing
    pub actual: Number,
    /// 达成率: `actual` ÷ `target`, in percent; null when the target is 0
    pub attainment_percent: Option<Number>,
    /// 缺口
    #[schema(required = false, nullable = false)]
    pub gap: Option<Number>,
    /// 达标: number of targets that reached 100 %
    #[schema(required = false, nullable = false)]
    pub met: Option<i64>,
    /// 排名 by attainment within the period or year
    #[schema(required = false)]
    pub rank: Option<i64>,
    /// 排名 by the actual within the period
    #[schema(required = false, nullable = false)]
    pub rank_by_actual: Option<i64>,
    /// 时间进度: elapsed ÷ all working days of the period, in percent; null unless `as_of` is in
    /// the period
    #[schema(required = false)]
    pub time_progress_percent: Option<Number>,
    /// 进度差: attainment − time progress, in percentage points
    #[schema(required = false)]
    pub pace: Option<Number>,
    /// 日均需完成: the gap ÷ the working days after `as_of`; on the last working day the whole gap.
    /// Null when no working day is left
    #[schema(required = false)]
    pub required_daily: Option<Number>,
}

/// Totals of all targets. Sums are null when they would mix period types or dimensions. They are
/// also null for teams, because teams contain each other.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttainmentTotals {
    pub targets: i64,
    pub target: Option<Number>,
    pub actual: Option<Number>,
    pub attainment_percent: Option<Number>,
    pub met: i64,
}

crate::report! {
    /// Attainment of targets
    AttainmentReport of AttainmentRow, AttainmentTotals
}

/// Attainment of targets
///
/// 达成率 of the approved and closed targets that begin in the period. You see the targets of the
/// users in your scope, of the teams that you lead, of the customers visible to you, and of the
/// company. The company's targets are visible to everyone, with the actual limited to the sales
/// visible to you. Targets of channels are only for users who see everything. A team's actual is
/// that of its whole subtree as it was when the orders were recognised.
///
/// 开票额 and 回款额 count invoices and payments for the salesperson of the invoice; 回款额 is
/// defined as in the report `collections`. 毛利 requires permission to see costs (403
/// `field_not_readable`). 有效拜访数 counts valid visits for their owner. 新品铺货数 counts
/// customers that bought a new product for the first time. A product is new if it was first sold to
/// anybody less than `new_product_days` before, or if it is the product of the target's dimension.
#[utoipa::path(
    get, path = "/reports/attainment",
    params(ReportQuery<AttainmentQuery, NoFilter>),
    responses(
        (status = 200, description = "One row per target or sum", content(
            (AttainmentReport = "application/json"), (String = "text/csv"),
            )),
        (status = 422, description = "`ambiguous_period_type`, `metric_not_available`, \
            `no_exchange_rate`"),
        Problems,
    ),
)]
pub async fn report_attainment(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery<AttainmentQuery, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, plan).await
}

/// The three shapes of the report.
enum Shape {
    Targets,
    OwnerYear,
    Period,
}

fn shape(query: &AttainmentQuery) -> Result<Shape> {
    use AttainmentBy::{Owner, Period, Year};
    match query.group_by.as_deref().unwrap_or_default() {
        [] => Ok(Shape::Targets),
        [Owner, Year] | [Year, Owner] => Ok(Shape::OwnerYear),
        [Period] => Ok(Shape::Period),
        _ => {
            let fault =
                Fault::new("/group_by", "unknown_value", "must be `owner,year` or `period`");
            Err(Error::bad_request("invalid_query", "").faults(vec![fault]))
        }
    }
}

/// Refuses combinations of parameters that can never match a target.
fn contradictions(query: &AttainmentQuery) -> Result<()> {
    let owner_type = query.owner_type.unwrap_or(OwnerType::User);
    let mut faults = vec![];
    if query.owner_id.is_some() && matches!(owner_type, OwnerType::Company | OwnerType::Channel) {
        let why = "not allowed for this `owner_type`";
        faults.push(Fault::new("/owner_id", "contradiction", why));
    }
    if query.dimension_value.is_some() && query.dimension.is_none() {
        let why = "requires `dimension`";
        faults.push(Fault::new("/dimension_value", "contradiction", why));
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::bad_request("invalid_query", "").faults(faults))
}

fn plan(mut question: Question<'_, AttainmentQuery>) -> Result<Plan> {
    contradictions(&question.own)?;
    let shape = shape(&question.own)?;
    let owner_type = question.own.owner_type.unwrap_or(OwnerType::User);
    let metric = question.own.metric.unwrap_or(Metric::OrderedAmount);
    let wanted = wanted(&mut question, owner_type, matches!(shape, Shape::Targets));
    let (caller, until) = (question.caller, question.until);
    let measured = measure::measured(owner_type, metric, Some(caller), until, &mut question.binds)?;
    let measured = format!("{wanted}, {measured}");
    let as_of = question.binds.date(question.as_of);
    let rows = match shape {
        Shape::Targets => one_by_one(owner_type, &as_of),
        Shape::OwnerYear => by_owner_and_year(owner_type),
        Shape::Period => BY_PERIOD.to_owned(),
    };

    // Teams contain each other: a sum would count the lower ones twice.
    let summable = match owner_type {
        OwnerType::Team => "false",
        _ => "count(distinct (period_type, dimension, dimension_value)) <= 1",
    };

    let totals = format!(
        "with summed as (
            select count(*) as targets,
                count(*) filter (where target > 0 and actual >= target) as met,
                case when {summable}
                    then coalesce(sum(target), 0) end as target,
                case when {summable}
                    then coalesce(sum(actual), 0) end as actual
            from measured
        )
        select targets, round(target, 4)::text as target, round(actual, 4)::text as actual,
            round(100 * actual / nullif(target, 0), 2)::text as attainment_percent, met
        from summed"
    );

    let plan = Plan::new("attainment", question.binds, rows, totals);
    let mut plan = Plan { shared: measured, ..plan };
    // Only people have external ids to mask; here `owner` is a team, a customer or none.
    if owner_type != OwnerType::User {
        plan.people = &[];
    }

    plan.refusals.push((
        format!("{wanted} select exists (select from wanted where target is null)"),
        || {
            let detail =
                "A target's currency has no exchange rate on or before its `period_start`.";
            Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no_exchange_rate").detail(detail)
        },
    ));

    if matches!(shape, Shape::OwnerYear) {
        let mixed = "select exists (select from wanted
            group by owner_id, channel, extract(year from period_start)
            having count(distinct period_type) > 1)";
        plan.refusals.push((format!("{wanted} {mixed}"), ambiguous));
    }

    Ok(plan)
}

fn ambiguous() -> Error {
    let message = "required, because an owner has targets of several period types";
    let fault = Fault::new("/period_type", "ambiguous_period_type", message);
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "ambiguous_period_type").faults(vec![fault])
}
