//! Repeat complaints 再次追诉.

use access::Can;
use actix_web::HttpResponse;
use complaints::complaint::{ComplaintCategory, ComplaintStatus, Severity};
use platform::{Date, NoFilter, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadComplaintReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::complained::{ComplaintFilter, day_of, known};
use crate::period::AnyPeriod;

/// One chain of complaints that repeat one another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29484",
    "customer_name": "上海林氏贸易有限公司", "product_id": null, "product_external_id": null,
    "product_name": null, "category": "quality", "complaints": 2, "repeats": 1, "reopenings": 0,
    "first_received_on": "2026-08-03", "last_received_on": "2026-09-21", "links": [
        { "complaint_id": "01910000-0000-7000-8000-000000000005", "number": "CO-2026-000123",
          "repeat_of_id": null, "reopened": 0, "link_severity": "general", "status": "closed",
          "received_on": "2026-08-03" },
        { "complaint_id": "01910000-0000-7000-8000-000000000006", "number": "CO-2026-000161",
          "repeat_of_id": "01910000-0000-7000-8000-000000000005", "reopened": 0,
          "link_severity": "major", "status": "in_progress", "received_on": "2026-09-21" },
    ],
}))]
pub struct RepeatsRow {
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    /// Product of the first complaint
    pub product_id: Option<Uuid>,
    pub product_external_id: Option<String>,
    pub product_name: Option<String>,
    /// Category of the first complaint
    #[schema(inline)]
    pub category: ComplaintCategory,
    /// All complaints of the chain, including the first
    pub complaints: i64,
    /// Complaints that repeat another or were reopened
    pub repeats: i64,
    pub reopenings: i64,
    pub first_received_on: Date,
    pub last_received_on: Date,
    /// Complaints of the chain; in CSV each has a row, after the columns of the chain
    pub links: Vec<RepeatLink>,
}

/// One complaint of a chain
#[derive(Debug, Serialize, ToSchema)]
pub struct RepeatLink {
    pub complaint_id: Uuid,
    pub number: String,
    /// Null for the first; may be a complaint that is not in this report
    pub repeat_of_id: Option<Uuid>,
    /// Number of reopenings
    pub reopened: i64,
    #[schema(inline)]
    pub link_severity: Severity,
    #[schema(inline)]
    pub status: ComplaintStatus,
    pub received_on: Date,
}

/// Totals of all chains.
#[derive(Debug, Serialize, ToSchema)]
pub struct RepeatsTotals {
    pub chains: i64,
    pub customers: i64,
    pub complaints: i64,
    pub repeats: i64,
    pub reopenings: i64,
}

crate::report! {
    /// Repeat complaints
    RepeatsReport of RepeatsRow, RepeatsTotals
}

/// Repeat complaints
///
/// 再次追诉: chains of complaints that repeat one another, and single complaints that were
/// reopened, most repeats first. Default period: all time. With a period, and within what is
/// visible to you, a chain has only the complaints received in it.
#[utoipa::path(
    get, path = "/reports/repeat-complaints",
    params(ReportQuery<NoFilter, ComplaintFilter, AnyPeriod>),
    responses(
        (status = 200, description = "One row per chain", content(
            (RepeatsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_repeat_complaints(
    caller: Can<ReadComplaintReports>,
    asked: Query<ReportQuery<NoFilter, ComplaintFilter, AnyPeriod>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

/// Columns of a link; in a table they are part of the row.
const LINK: &str = "links.id as complaint_id, links.number, links.repeat_of_id,
                links.reopenings as reopened, links.severity as link_severity, links.status,
                links.received_on";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let received = day_of("received_at", &mut question);
    let columns = format!("number, repeat_of_id, reopenings, {received} as received_on");
    let known = known(&columns, &mut question);
    // The last step up is the chain's first complaint. Other systems may report cycles: they end
    // because `union` drops duplicates, and they begin at their smallest id.
    let chains = format!(
        "with recursive {known},
        up as (
            select id, id as above from known
            union
            select up.id, below.repeat_of_id
            from up join known as below on below.id = up.above
            join known as first on first.id = below.repeat_of_id
        ),
        firsts as (
            select up.id, (array_agg(above order by first.id is null desc, above))[1] as chain
            from up join known on known.id = above
            left join known as first on first.id = known.repeat_of_id
            group by up.id
        ),
        links as (select known.*, chain from known join firsts using (id)),
        chains as (
            select chain, count(*) as complaints,
                count(*) filter (where repeat_of_id is not null or reopenings > 0) as repeats,
                sum(reopenings)::bigint as reopenings, min(received_on) as first_received_on,
                max(received_on) as last_received_on
            from links group by chain
            having bool_or(repeat_of_id is not null or reopenings > 0)
        )"
    );

    let chain = "first.customer_id, customers.external_id as customer_external_id,
            customers.name as customer_name, first.product_id,
            products.external_id as product_external_id, products.name as product_name,
            first.category, complaints, repeats, chains.reopenings, first_received_on,
            last_received_on";
    let from = "from chains join known as first on first.id = chain
        join customers on customers.id = first.customer_id
        left join products on products.id = first.product_id";
    let order = "repeats desc, complaints desc, last_received_on desc, chains.chain";
    let rows = if question.is_for_table() {
        format!(
            "{chains} select {chain}, {LINK}
            {from} join links on links.chain = chains.chain
            order by {order}, links.received_on, links.id"
        )
    } else {
        format!(
            "{chains} select {chain}, (
                select json_agg(link) from (
                    select {LINK} from links where links.chain = chains.chain
                    order by links.received_on, links.id
                ) as link
            ) as links
            {from}
            order by {order}"
        )
    };

    let totals = format!(
        "{chains}
        select count(*) as chains, count(distinct customer_id) as customers,
            coalesce(sum(complaints), 0)::bigint as complaints,
            coalesce(sum(repeats), 0)::bigint as repeats,
            coalesce(sum(chains.reopenings), 0)::bigint as reopenings
        from chains join known on known.id = chain"
    );

    Plan::new("repeat-complaints", question.binds, rows, totals)
}
