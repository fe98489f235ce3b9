//! Customer satisfaction 客户满意度: NPS and CSAT over all surveys.

use ::customers::customer::Customer;
use access::Can;
use actix_web::HttpResponse;
use customers::customer::Tier;
use platform::{Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadFieldReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{CustomerFilter, dated, sees};

text_enum! {
    pub enum SatisfactionBy {
        /// 调查
        Survey = "survey",
        /// 月 in which the survey link was created
        Month = "month",
        /// 地区 of the customer when the sample was drawn
        Region = "region",
        /// 客户分档 of the customer when the sample was drawn
        Tier = "tier",
        /// Owner of the customer
        Owner = "owner",
    }
}

/// Grouping of the invited customers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SatisfactionQuery {
    /// Default: `survey`
    #[param(inline)]
    group_by: Option<SatisfactionBy>,
}

/// Customers of one group. Each row has only the key fields of `group_by`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "tier": "A", "invitations": 80, "responses": 41, "response_rate_percent": "51.25",
    "promoters": 22, "passives": 12, "detractors": 6, "nps": "40.00", "scores": 41,
    "satisfied": 35, "csat_percent": "85.37", "average_score": "4.2195", "low_scores": 4,
    "follow_ups": 4,
}))]
pub struct SatisfactionRow {
    #[schema(required = false)]
    pub survey_id: Option<Uuid>,
    #[schema(required = false)]
    pub survey_title_zh: Option<String>,
    #[schema(required = false)]
    pub survey_title_en: Option<String>,
    #[schema(required = false, example = "2026-11")]
    pub month: Option<String>,
    #[schema(required = false)]
    pub region: Option<String>,
    #[schema(inline, required = false)]
    pub tier: Option<Tier>,
    /// Null for customers in the pool 公海
    #[schema(required = false)]
    pub owner_id: Option<Uuid>,
    #[schema(required = false)]
    pub owner_external_id: Option<String>,
    #[schema(required = false)]
    pub owner_name: Option<String>,
    #[serde(flatten)]
    pub figures: SatisfactionTotals,
}

/// Satisfaction of a group of customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct SatisfactionTotals {
    pub invitations: i64,
    pub responses: i64,
    /// 回收率: `responses` ÷ `invitations`, in percent; null without invitations
    pub response_rate_percent: Option<Number>,
    /// 推荐者: 9 and 10
    pub promoters: i64,
    /// 被动者: 7 and 8
    pub passives: i64,
    /// 贬损者: 0 to 6
    pub detractors: i64,
    /// 净推荐值: share of promoters − share of detractors, from −100 to 100; null without answers
    pub nps: Option<Number>,
    /// Customers who gave a score from 1 to 5
    pub scores: i64,
    /// Scores of 4 or 5
    pub satisfied: i64,
    /// 满意率: share of the scores of 4 or 5, in percent; null without scores
    pub csat_percent: Option<Number>,
    /// Null without scores
    pub average_score: Option<Number>,
    /// Dissatisfied customers
    pub low_scores: i64,
    /// Dissatisfied customers with a follow-up
    pub follow_ups: i64,
}

crate::report! {
    /// Customer satisfaction
    SatisfactionReport of SatisfactionRow, SatisfactionTotals
}

/// Customer satisfaction
///
/// 客户满意度: customers whose survey link was created on a day of the period, and the answers of
/// those who responded by `as_of`. Only customers visible to you count.
#[utoipa::path(
    get, path = "/reports/satisfaction",
    params(ReportQuery<SatisfactionQuery, CustomerFilter>),
    responses(
        (status = 200, description = "One row per group", content(
            (SatisfactionReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_satisfaction(
    caller: Can<ReadFieldReports>,
    asked: Query<ReportQuery<SatisfactionQuery, CustomerFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "count(*) as invitations, count(response) as responses,
                round(100.0 * count(response) / nullif(count(*), 0), 2)::text
                    as response_rate_percent,
                count(*) filter (where nps >= 9) as promoters,
                count(*) filter (where nps between 7 and 8) as passives,
                count(*) filter (where nps <= 6) as detractors,
                round(100.0 * (count(*) filter (where nps >= 9) - count(*) filter (where nps <= 6))
                    / nullif(count(nps), 0), 2)::text as nps,
                count(score) as scores, count(*) filter (where score >= 4) as satisfied,
                round(100.0 * count(*) filter (where score >= 4) / nullif(count(score), 0), 2)::text
                    as csat_percent,
                round(avg(score), 4)::text as average_score,
                count(*) filter (where low) as low_scores,
                count(*) filter (where low and follow_up_id is not null) as follow_ups";

const FIGURE_NAMES: &str = "invitations, responses, response_rate_percent, promoters, passives,
            detractors, nps, scores, satisfied, csat_percent, average_score, low_scores, follow_ups";

fn plan(mut question: Question<'_, SatisfactionQuery>) -> Plan {
    let visible = sees::<Customer>(question.caller, &mut question.binds);
    let (range, until) = (question.range, question.until);
    let dated = dated("day", range, until, &mut question.binds);
    let asked = [dated, question.narrowed.clone(), question.from_source("invited")].concat();
    let answered = question.until.map(|day| {
        let day = question.binds.date(day);
        format!(" and (r.created_at at time zone company.time_zone)::date <= {day}")
    });
    let answered = answered.unwrap_or_default();

    let by = question.own.group_by.unwrap_or(SatisfactionBy::Survey);
    let (key, shown, joined, order) = match by {
        SatisfactionBy::Survey => (
            "survey_id",
            "survey_id, title_zh as survey_title_zh, title_en as survey_title_en",
            "join surveys on surveys.id = survey_id",
            "surveys.created_at, survey_id",
        ),
        SatisfactionBy::Month => ("month", "month", "", "month"),
        SatisfactionBy::Region => ("region", "region", "", "region collate \"C\""),
        SatisfactionBy::Tier => ("tier", "tier", "", "tier collate \"C\""),
        SatisfactionBy::Owner => (
            "owner_id",
            "owner_id, external_id as owner_external_id, name as owner_name",
            "left join users on users.id = owner_id",
            "external_id collate \"C\", owner_id",
        ),
    };

    let counted = format!(
        "with invited as (
            select i.id, i.survey_id, i.tier, i.region, customers.owner_id, customers.territory_id,
                customers.source_system,
                (i.created_at at time zone company.time_zone)::date as day
            from survey_invitations i join customers on customers.id = i.customer_id
            cross join company
            where true{visible}
        ), counted as (
            select asked.survey_id, to_char(day, 'YYYY-MM') as month, asked.tier, asked.region,
                asked.owner_id, r.id as response, score, nps, low, follow_up_id
            from (
                select id, survey_id, tier, region, owner_id, day from invited where {asked}
            ) as asked cross join company
            left join survey_responses r on r.invitation_id = asked.id{answered}
        )"
    );

    let rows = format!(
        "with figures as (select {key}, {FIGURES} from counted group by {key})
        select {shown}, {FIGURE_NAMES} from figures {joined} order by {order}"
    );

    let totals = format!("select {FIGURES} from counted");
    Plan { shared: counted, ..Plan::new("satisfaction", question.binds, rows, totals) }
}
