//! Advice to customers on their cash flow, 客户资金运转指导, given during a visit.

use access::{Caller, Can};
use customers::customer::find_customers;
use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Reference, parameters};
use platform::row_rule::{RowRule, Viewers};
use platform::{
    Change, Conn, Error, Json, List, Path, Problems, Reply, Resource, Result, Routes, Timestamp,
    Tx, Write, page, resource, text_enum,
};
use schema::{cashflow_advice, visits};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::visit::{Visit, VisitStatus};
use crate::{ReadVisits, WriteVisits};

text_enum! {
    /// Topic of the advice
    pub enum CashflowTopic {
        /// 自身应收回笼
        Collections = "collections",
        /// 库存占用
        Inventory = "inventory",
        /// 付款安排
        Payables = "payables",
        /// 融资
        Financing = "financing",
        /// 费用
        Costs = "costs",
        Other = "other",
    }
}

/// Advice to a customer on its cash flow, 资金运转指导
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery)]
#[diesel(table_name = cashflow_advice)]
#[diesel(base_query = cashflow_advice::table.inner_join(visits::table))]
pub struct CashflowAdvice {
    pub id: Uuid,
    pub version: i64,
    /// The visit during which the advice was given
    pub visit_id: Uuid,
    #[diesel(select_expression = visits::customer_id)]
    pub customer_id: Uuid,
    pub author_id: Uuid,
    #[schema(inline)]
    pub topic: CashflowTopic,
    pub advice: String,
    /// Actions to which the customer agreed
    pub agreed: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// People of the visit, to whom the advice is visible
    #[serde(skip)]
    #[diesel(select_expression = visits::owner_id)]
    owner_id: Uuid,
    #[serde(skip)]
    #[diesel(select_expression = visits::participant_ids)]
    participant_ids: Vec<Uuid>,
}

const RULE: RowRule = RowRule {
    table: "cashflow_advice",
    accounts: false,
    viewers: &[Viewers::JoinedRow("visit_id", Visit::RULE)],
};

resource! {
    CashflowAdvice: "cashflow_advice" at "/api/v1/cashflow-advice",
    seen by RULE, as |advice| [&[advice.owner_id], advice.participant_ids.as_slice()].concat().into_iter().map(Some).collect()
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "topic": "inventory", "advice": "滞销品占用资金三成,建议按周补货",
    "agreed": "下月起每周补货一次" }))]
pub struct NewCashflowAdvice {
    #[schema(inline)]
    topic: CashflowTopic,
    #[schema(min_length = 1, max_length = 5000)]
    advice: String,
    /// Actions to which the customer agreed
    #[schema(min_length = 1, max_length = 1000)]
    agreed: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct CashflowAdviceFilter {
    customer_id: Option<Uuid>,
    visit_id: Option<Uuid>,
    author_id: Option<Uuid>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    topic: Option<Vec<CashflowTopic>>,
}

intake::references! {
    CashflowAdviceFilter: &[
        Reference { at: "customer", of: "customer", find: find_customers },
        Reference { at: "author", of: "user", find: auth::find_users },
    ];
}

page! {
    /// A page of advice, latest first
    CashflowAdvicePage of CashflowAdvice
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_cashflow_advice, read_cashflow_advice, create_cashflow_advice);
}

access::list! {
    /// List cash-flow advice
    ///
    /// Advice is visible to everyone who sees the visit.
    list_cashflow_advice: "/cashflow-advice", ReadVisits, CashflowAdvice by CashflowAdviceFilter
    -> CashflowAdvicePage,
    "A page of advice"
}

access::read! {
    /// Read cash-flow advice
    read_cashflow_advice: "/cashflow-advice/{id}", ReadVisits -> CashflowAdvice, "The advice"
}

/// Record cash-flow advice
///
/// Allowed for the owner and the companions of the visit, while it is in progress or after it is
/// completed.
#[utoipa::path(
    post, path = "/visits/{id}/cashflow-advice",
    request_body = NewCashflowAdvice,
    responses(
        (status = 201, description = "The advice", body = CashflowAdvice),
        (status = 403, description = "`not_your_visit`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn create_cashflow_advice(
    caller: Can<WriteVisits>,
    id: Path<Uuid>,
    new: Json<NewCashflowAdvice>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| CashflowAdvice::create(tx, &caller, *id, &new).await).await
}

type Matching<'a> = IntoBoxed<'a, InnerJoin<cashflow_advice::table, visits::table>, Pg>;

fn matching<'a>(caller: &'a Caller, filter: &'a CashflowAdviceFilter) -> Matching<'a> {
    use cashflow_advice::{author_id, topic, visit_id};
    let mut rows = cashflow_advice::table.inner_join(visits::table).into_boxed();
    rows = rows.filter(caller.sees::<CashflowAdvice>());
    if let Some(customer) = filter.customer_id {
        rows = rows.filter(visits::customer_id.eq(customer));
    }
    if let Some(visit) = filter.visit_id {
        rows = rows.filter(visit_id.eq(visit));
    }
    if let Some(author) = filter.author_id {
        rows = rows.filter(author_id.eq(author));
    }
    if let Some(topics) = &filter.topic {
        rows = rows.filter(topic.eq_any(topics));
    }
    rows
}

impl CashflowAdvice {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<CashflowAdviceFilter>,
    ) -> Result<CashflowAdvicePage> {
        use cashflow_advice::{created_at, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed =
            || matching(caller, &filter).filter(list.rows(id, cashflow_advice::updated_at));

        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let following = listed().filter(list.before::<Timestamp, _, _>(created_at, id)?);
        let ordered = following.order((created_at.desc(), id.desc())).limit(list.fetch());
        let rows = ordered.select(Self::as_select()).load(conn).await?;
        list.page(rows, total, |advice: &Self| (advice.created_at, advice.id))
    }

    access::rows! { cashflow_advice: pub fn find }

    pub async fn create(
        tx: &mut Tx,
        caller: &Caller,
        visit: Uuid,
        new: &NewCashflowAdvice,
    ) -> Result<Self> {
        // Locks the visit: a companion added from now on also receives this change.
        let held = visits::table.find(visit).select(visits::id).for_share();
        held.first::<Uuid>(tx.conn()).await?;
        let visit = Visit::find(tx.conn(), caller, visit).await?;
        if visit.owner_id != caller.id() && !visit.participant_ids.contains(&caller.id()) {
            let detail = "Only the owner and the participants of the visit can file advice.";
            return Err(Error::forbidden_because("not_your_visit", detail));
        }
        if !matches!(visit.status, VisitStatus::InProgress | VisitStatus::Completed) {
            let detail = "The visit is `{}`, which does not allow this action.";
            return Err(Error::wrong_status(visit.status.as_str(), detail));
        }

        let advice = Self {
            id: Uuid::now_v7(),
            version: 1,
            visit_id: visit.id,
            customer_id: visit.customer_id,
            author_id: caller.id(),
            topic: new.topic,
            advice: new.advice.clone(),
            agreed: new.agreed.clone(),
            created_at: tx.now,
            updated_at: tx.now,
            owner_id: visit.owner_id,
            participant_ids: visit.participant_ids,
        };

        let values = (
            cashflow_advice::id.eq(advice.id),
            cashflow_advice::version.eq(advice.version),
            cashflow_advice::visit_id.eq(advice.visit_id),
            cashflow_advice::author_id.eq(advice.author_id),
            cashflow_advice::topic.eq(advice.topic),
            cashflow_advice::advice.eq(&advice.advice),
            cashflow_advice::agreed.eq(&advice.agreed),
            cashflow_advice::created_at.eq(advice.created_at),
            cashflow_advice::updated_at.eq(advice.updated_at),
        );
        diesel::insert_into(cashflow_advice::table).values(values).execute(tx.conn()).await?;
        tx.record(Change::created(&advice)).await?;
        Ok(advice)
    }
}

/// Records the change of the customer on the advice of visits that moved from the loser to the
/// winner.
pub(crate) async fn follow(tx: &mut Tx, visits: &[Uuid], loser: Uuid) -> Result<()> {
    let rows = CashflowAdvice::query().filter(cashflow_advice::visit_id.eq_any(visits));
    let rows: Vec<CashflowAdvice> = rows.order(cashflow_advice::id).load(tx.conn()).await?;

    for advice in rows {
        let before = CashflowAdvice { customer_id: loser, ..advice.clone() };
        let after = before.next(advice, tx.now);
        let columns = (
            cashflow_advice::version.eq(after.version),
            cashflow_advice::updated_at.eq(after.updated_at),
        );
        diesel::update(cashflow_advice::table.find(after.id))
            .set(columns)
            .execute(tx.conn())
            .await?;
        tx.record(Change::updated(&before, &after)).await?;
    }
    Ok(())
}
