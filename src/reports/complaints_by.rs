//! Complaints by any grouping 投诉统计.

use access::Can;
use actix_web::HttpResponse;
use company::exchange_rate::rate_on;
use complaints::complaint::{
    ComplaintCategory, ComplaintChannel, ComplaintClock, ComplaintStatus, Severity,
};
use platform::{Error, Fault, Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadComplaintReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::complained::{ComplaintFilter, day_of, known};

text_enum! {
    /// Key of a grouping
    pub enum ComplaintsBy {
        /// 产品
        Product = "product",
        /// 类别
        Category = "category",
        /// 渠道
        Channel = "channel",
        /// 地区 of the customer today
        Region = "region",
        /// 月 in which the complaint was received
        Month = "month",
        /// 状态
        Status = "status",
        /// 等级
        Severity = "severity",
        /// Person who handles the complaint
        Owner = "owner",
        /// 客户
        Customer = "customer",
        /// 首次响应: in time, late or pending
        Response = "response",
    }
}

text_enum! {
    /// State of the first response 首次响应, as in the report `sla`
    pub enum FirstResponse {
        /// Given, or the complaint ended, by the deadline
        Kept = "kept",
        /// Given after the deadline, or outstanding past it
        Late = "late",
        /// Outstanding, before the deadline
        Pending = "pending",
    }
}

/// Grouping of the complaints.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ComplaintsQuery {
    /// One or more keys, separated by commas. Without keys the report has only totals; in CSV they
    /// are its row
    #[param(inline, style = Form, explode = false, example = json!(["category", "month"]))]
    group_by: Option<Vec<ComplaintsBy>>,
}

/// Complaints of one group. Each row has only the key fields of `group_by`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "category": "quality", "month": "2026-07", "complaints": 12, "open": 3, "resolved": 2,
    "closed": 6, "on_the_spot": 4, "average_response_hours": "5.5000",
    "average_resolution_hours": "31.2500", "compensation": "1350.0000", "compensation_without_rate": 0,
}))]
pub struct ComplaintsRow {
    #[schema(required = false)]
    pub product_id: Option<Uuid>,
    #[schema(required = false)]
    pub product_external_id: Option<String>,
    #[schema(required = false)]
    pub product_name: Option<String>,
    #[schema(inline, required = false, nullable = false)]
    pub category: Option<ComplaintCategory>,
    #[schema(inline, required = false, nullable = false)]
    pub channel: Option<ComplaintChannel>,
    #[schema(required = false)]
    pub region: Option<String>,
    #[schema(required = false, nullable = false, example = "2026-07")]
    pub month: Option<String>,
    #[schema(inline, required = false, nullable = false)]
    pub status: Option<ComplaintStatus>,
    #[schema(inline, required = false, nullable = false)]
    pub severity: Option<Severity>,
    /// Null until the complaint is accepted
    #[schema(required = false)]
    pub owner_id: Option<Uuid>,
    #[schema(required = false)]
    pub owner_external_id: Option<String>,
    #[schema(required = false)]
    pub owner_name: Option<String>,
    #[schema(required = false, nullable = false)]
    pub customer_id: Option<Uuid>,
    #[schema(required = false)]
    pub customer_external_id: Option<String>,
    #[schema(required = false, nullable = false)]
    pub customer_name: Option<String>,
    #[schema(inline, required = false, nullable = false)]
    pub response: Option<FirstResponse>,
    pub complaints: i64,
    /// Complaints that are not settled yet
    pub open: i64,
    /// Resolved complaints that are not closed yet
    pub resolved: i64,
    pub closed: i64,
    /// 当场处理
    pub on_the_spot: i64,
    /// Hours from the start of the deadlines to the first response, averaged over complaints with
    /// one
    pub average_response_hours: Option<Number>,
    /// Hours from the start of the deadlines to the resolution, averaged over complaints with one
    pub average_resolution_hours: Option<Number>,
    /// 赔偿 in the company's currency, at the rates of the day of the resolution
    pub compensation: Number,
    /// Complaints whose compensation is missing from the sum, because its currency has no exchange
    /// rate
    pub compensation_without_rate: i64,
}

/// Totals of all complaints.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComplaintsTotals {
    pub complaints: i64,
    pub open: i64,
    pub resolved: i64,
    pub closed: i64,
    pub on_the_spot: i64,
    pub average_response_hours: Option<Number>,
    pub average_resolution_hours: Option<Number>,
    pub compensation: Number,
    pub compensation_without_rate: i64,
    pub customers: i64,
}

crate::report! {
    /// Complaints by group
    ComplaintsReport of ComplaintsRow, ComplaintsTotals
}

/// Complaints by any grouping
///
/// 投诉统计: complaints received on a day of the period, in their current state. Only complaints
/// visible to you count.
#[utoipa::path(
    get, path = "/reports/complaints",
    params(ReportQuery<ComplaintsQuery, ComplaintFilter>),
    responses(
        (status = 200, description = "One row per group", content(
            (ComplaintsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_complaints(
    caller: Can<ReadComplaintReports>,
    asked: Query<ReportQuery<ComplaintsQuery, ComplaintFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, plan).await
}

impl ComplaintsBy {
    /// Returns the column of `known`, the columns of a row of `figures`, and the table with the
    /// name. Every name is qualified, because a product has a category and a customer has a region,
    /// too.
    fn parts(self) -> (&'static str, String, Option<&'static str>) {
        let (column, table) = match self {
            Self::Product => ("product_id", "products"),
            Self::Owner => ("owner_id", "users"),
            Self::Customer => ("customer_id", "customers"),
            _ => return (self.as_str(), format!("figures.{}", self.as_str()), None),
        };
        let name = self.as_str();
        let shown = format!(
            "figures.{column}, {table}.external_id as {name}_external_id,
            {table}.name as {name}_name"
        );
        (column, shown, Some(table))
    }

    /// Returns the sort order: people, products and customers by external id, other keys by value.
    fn order(self) -> String {
        match self.parts() {
            (column, _, Some(table)) => {
                format!("{table}.external_id collate \"C\", figures.{column}")
            }
            (column, ..) => format!("figures.{column} collate \"C\""),
        }
    }
}

const FIGURES: &str = "count(*) as complaints,
                count(*) filter (
                    where status in ('registered', 'accepted', 'in_progress', 'pending_customer')
                ) as open,
                count(*) filter (where status = 'resolved') as resolved,
                count(*) filter (where status = 'closed') as closed,
                count(*) filter (where resolution_mode = 'on_the_spot') as on_the_spot,
                round(avg(response_hours), 4)::text as average_response_hours,
                round(avg(hours), 4)::text as average_resolution_hours,
                round(coalesce(sum(paid), 0), 4)::text as compensation,
                count(*) filter (where compensation_amount is not null and paid is null)
                    as compensation_without_rate";

fn plan(mut question: Question<'_, ComplaintsQuery>) -> Result<Plan> {
    let keys = question.own.group_by.take().unwrap_or_default();
    let twice = (0..keys.len()).filter(|at| keys[..*at].contains(&keys[*at]));
    let fault = |at| Fault::new(format!("/group_by/{at}"), "duplicate", "each key only once");
    let faults: Vec<Fault> = twice.map(fault).collect();
    if !faults.is_empty() {
        return Err(Error::bad_request("invalid_query", "").faults(faults));
    }

    let (received, settled) = (
        day_of("received_at", &mut question),
        day_of("coalesce(resolved_at, received_at)", &mut question),
    );
    let now = question.binds.instant(question.now);
    let [response, ..] = ComplaintClock::judged_sql(&now);
    let (over, late) = (&response.over, &response.late);
    let columns = format!(
        "channel, resolution_mode, compensation_amount, compensation_currency,
                to_char({received}, 'YYYY-MM') as month, {settled} as settled_on,
                case when resolved_at >= sla_started_at
                    then extract(epoch from resolved_at - sla_started_at) / 3600 end as hours,
                case when first_response_at >= sla_started_at
                    then extract(epoch from first_response_at - sla_started_at) / 3600
                    end as response_hours,
                case when {late} then 'late' when {over} then 'kept' else 'pending'
                    end as response,
                (select region from customers where customers.id = customer_id) as region"
    );

    let known = known(&columns, &mut question);
    // The same conversion and rounding as in `exchange_rate::converted`.
    let rate = rate_on("compensation_currency", "settled_on");
    let counted = format!(
        "with {known},
        counted as (
            select known.*, round(compensation_amount * {rate}, 6) as paid
            from known
        )"
    );

    let totals = format!("select {FIGURES}, count(distinct customer_id) as customers from counted");
    let rows = if keys.is_empty() {
        // A CSV with only a header would look as if nobody had complained.
        if question.is_for_table() { totals.clone() } else { "select where false".to_owned() }
    } else {
        grouped(&keys)
    };

    Ok(Plan { shared: counted, ..Plan::new("complaints", question.binds, rows, totals) })
}

fn grouped(keys: &[ComplaintsBy]) -> String {
    let all = |part: fn(ComplaintsBy) -> String, between: &str| {
        keys.iter().map(|key| part(*key)).collect::<Vec<_>>().join(between)
    };

    let by = all(|key| key.parts().0.to_owned(), ", ");
    let shown = all(|key| key.parts().1, ", ");
    let order = all(ComplaintsBy::order, ", ");
    let join = |key: ComplaintsBy| {
        let (column, _, table) = key.parts();
        let join = |table| format!(" left join {table} on {table}.id = figures.{column}");
        table.map_or_else(String::new, join)
    };

    let joins = all(join, "");
    format!(
        "with figures as (select {by}, {FIGURES} from counted group by {by})
        select {shown}, complaints, open, resolved, closed, on_the_spot, average_response_hours,
            average_resolution_hours, compensation, compensation_without_rate
        from figures{joins}
        order by {order}"
    )
}
