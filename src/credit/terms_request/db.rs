//! Queries on terms requests. Each query on behalf of a caller starts at `Caller::sees`.

use std::collections::{HashMap, HashSet};

use ::customers::hooks::Move;
use access::Caller;
use company::Company;
use customers::customer::Customer;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::parameters;
use platform::{Change, Conn, Date, Error, IfSent, List, Reason, Result, Timestamp, Tx};
use schema::terms_requests;
use uuid::Uuid;

use super::steps::Step;
use super::{
    CustomerTerms, NewTermsRequest, TermsRequest, TermsRequestFilter, TermsRequestPage, TermsStatus,
};
use crate::{credit_investigation, customer_credit};

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a TermsRequestFilter,
) -> terms_requests::BoxedQuery<'a, Pg> {
    let mut query = terms_requests::table.filter(caller.sees::<TermsRequest>()).into_boxed();
    platform::filter_by!(
        query,
        terms_requests::customer_id.eq(filter.customer_id),
        terms_requests::status.eq_any(&filter.status),
    );
    query
}

impl CustomerTerms {
    pub async fn find(
        conn: &mut Conn,
        caller: &Caller,
        customer: Uuid,
        as_of: Date,
    ) -> Result<Self> {
        use terms_requests::{customer_id, decided_at, id, status, valid_from};
        let customer = Customer::find(conn, caller, customer).await?;
        let terms = TermsRequest::query()
            .filter(caller.sees::<TermsRequest>())
            .filter(customer_id.eq(customer.id))
            .filter(status.eq(TermsStatus::Approved))
            .filter(valid_from.le(as_of))
            .order((valid_from.desc(), decided_at.desc(), id.desc()));
        let terms = terms.first(conn).await.optional()?;
        Ok(Self { customer_id: customer.id, as_of, terms })
    }
}

impl TermsRequest {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<TermsRequestFilter>,
    ) -> Result<TermsRequestPage> {
        use terms_requests::{created_at, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, terms_requests::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed()
            .filter(list.before::<Timestamp, _, _>(created_at, id)?)
            .order((created_at.desc(), id.desc()))
            .select(Self::as_select())
            .limit(list.fetch());
        list.page(rows.load(conn).await?, total, |request: &Self| (request.created_at, request.id))
    }

    access::rows! { terms_requests: pub fn find, fn find_for_update, fn save }

    pub async fn create(
        tx: &mut Tx,
        caller: &Caller,
        customer: Uuid,
        new: &NewTermsRequest,
    ) -> Result<Self> {
        let customer = Customer::find(tx.conn(), caller, customer).await?;
        customer.check_open()?;
        new.check(tx.today)?;
        let request = Self {
            id: Uuid::now_v7(),
            version: 1,
            customer_id: customer.id,
            status: TermsStatus::Draft,
            payment_days: new.payment_days,
            credit_limit: new.credit_limit,
            price_list: new.price_list.clone(),
            delivery_term: new.delivery_term.clone(),
            min_order_amount: new.min_order_amount,
            returns_policy: new.returns_policy.clone(),
            deposit_percent: new.deposit_percent,
            valid_from: new.valid_from.unwrap_or(tx.today),
            reason: new.reason.clone(),
            requested_by: tx.actor,
            investigation_id: None,
            decided_by: None,
            decided_at: None,
            decision_reason: None,
            applied_at: None,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: customer.owner_id,
        };

        let insert = diesel::insert_into(terms_requests::table).values(&request);
        insert.execute(tx.conn()).await?;
        tx.record(Change::created(&request)).await?;
        Ok(request)
    }

    /// Takes an action on a request. The credit limit of an approved one takes effect on
    /// `valid_from`.
    pub async fn act(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        step: Step<'_>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        before.check_hand(caller, step.action())?;
        let status = before.status.after(step.action())?;
        let after = match step {
            Step::Submit | Step::Withdraw => Self { status, ..before.clone() },
            Step::Reject(why) => before.decided(tx, status, why),
            Step::Approve(why) => before.decided(tx, status, why).granted(tx, caller).await?,
        };
        before.save(tx, after).await
    }

    /// Returns the approved request with its basis. It needs a valid investigation and must be
    /// within the approval limit of the role.
    async fn granted(self, tx: &mut Tx, caller: &Caller) -> Result<Self> {
        let settings = Company::load(tx.conn()).await?.settings.0;
        self.check_authority(caller, &settings)?;

        let today = tx.today;
        let basis = credit_investigation::in_force(tx.conn(), self.customer_id, today).await?;
        let Some(basis) = basis else {
            let detail =
                "Trading terms require a concluded credit investigation that is still valid.";
            return Err(Error::conflict("investigation_required", detail));
        };
        let recommended = basis.recommended_limit.unwrap_or_default();
        credit_investigation::check_recommended(caller, Some(self.credit_limit), recommended)?;

        let mut after = self;
        after.investigation_id = Some(basis.id);
        after.valid_from = after.valid_from.max(today);
        // Later days are left to the job, see `apply_due`.
        if after.valid_from == today {
            after.applied_at = Some(tx.now);
            let (customer, limit) = (after.customer_id, after.credit_limit);
            customer_credit::grant(tx, customer, limit, basis.valid_until).await?;
        }
        Ok(after)
    }

    fn decided(&self, tx: &Tx, status: TermsStatus, why: &Reason) -> Self {
        Self {
            status,
            decided_by: Some(tx.actor),
            decided_at: Some(tx.now),
            decision_reason: Some(why.reason.clone()),
            ..self.clone()
        }
    }
}

/// Returns the customers that have approved terms on a day, for the credit check.
pub(crate) async fn with_terms(
    conn: &mut Conn,
    customers: &[Uuid],
    day: Date,
) -> Result<HashSet<Uuid>> {
    let rows = terms_requests::table
        .filter(terms_requests::customer_id.eq_any(customers))
        .filter(terms_requests::status.eq(TermsStatus::Approved))
        .filter(terms_requests::valid_from.le(day))
        .select(terms_requests::customer_id);
    let rows: Vec<Uuid> = rows.load(conn).await?;
    Ok(rows.into_iter().collect())
}

/// The payment days of customers, 账期, over time.
#[derive(Debug, Default)]
pub struct PaymentDays(HashMap<Uuid, Vec<(Date, i32)>>);

impl PaymentDays {
    /// Loads the payment days without a check of visibility. The customers must come from rows that
    /// the caller may see.
    pub async fn of(conn: &mut Conn, customers: &[Uuid]) -> Result<Self> {
        use terms_requests::{customer_id, decided_at, id, payment_days, status, valid_from};
        let rows = terms_requests::table
            .filter(customer_id.eq_any(customers).and(status.eq(TermsStatus::Approved)))
            .order((valid_from, decided_at, id))
            .select((customer_id, valid_from, payment_days));
        let mut of: HashMap<Uuid, Vec<(Date, i32)>> = HashMap::new();
        for (customer, from, days) in rows.load::<(Uuid, Date, i32)>(conn).await? {
            of.entry(customer).or_default().push((from, days));
        }
        Ok(Self(of))
    }

    /// Returns the due date of an invoice of this day. Without terms, it is due at once.
    pub fn due(&self, customer: Uuid, invoiced: Date) -> Date {
        let terms = self.0.get(&customer).into_iter().flatten();
        let days = terms.rev().find(|step| step.0 <= invoiced).map_or(0, |step| step.1);
        Date(invoiced.0.saturating_add(jiff::Span::new().days(days)))
    }
}

/// Applies the credit limits of approved terms whose day has come. A job.
pub async fn apply_due(tx: &mut Tx) -> Result<u64> {
    use terms_requests::{applied_at, decided_at, status, valid_from};
    let due = terms_requests::table
        .filter(status.eq(TermsStatus::Approved).and(applied_at.is_null()))
        .filter(valid_from.le(tx.today))
        .order((terms_requests::customer_id, valid_from, decided_at))
        .limit(1000)
        .select(TermsRequest::as_select())
        .for_update()
        .skip_locked();
    let due: Vec<TermsRequest> = due.load(tx.conn()).await?;

    for before in &due {
        // The limit is valid as long as the investigation that the approval is based on.
        let valid_until = match before.investigation_id {
            Some(id) => credit_investigation::valid_until(tx.conn(), id).await?,
            None => None,
        };
        let (customer, limit) = (before.customer_id, before.credit_limit);
        customer_credit::grant(tx, customer, limit, valid_until).await?;
        before.save(tx, TermsRequest { applied_at: Some(tx.now), ..before.clone() }).await?;
    }
    Ok(due.len() as u64)
}

/// Moves the pending requests of a merged customer to the remaining one. Decided ones stay with the
/// merged customer.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let rows = terms_requests::table
        .filter(terms_requests::customer_id.eq(moving.from.id))
        .filter(terms_requests::status.eq_any([TermsStatus::Draft, TermsStatus::Submitted]))
        .order(terms_requests::id)
        .select(TermsRequest::as_select())
        .for_update();
    let rows: Vec<TermsRequest> = rows.load(tx.conn()).await?;
    let rows = moving.taken(rows, |row| row.id);
    for before in &rows {
        before.save(tx, TermsRequest { customer_id: moving.to.id, ..before.clone() }).await?;
    }
    Ok(rows.iter().map(|row| row.id).collect())
}
