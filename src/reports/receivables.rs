//! Open items on a day, common to all reports on receivables: invoices by instalment, credit notes
//! and receipts that are not fully allocated, and post-dated payments. The cost depends on the
//! number of items that were open then, because an index on `closed_on` leads to them.

use ::receivables::invoice::Invoice;
use ::receivables::payment::Payment;
use company::setting::{self, Key};
use intake::Reference;
use platform::text_enum;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::answer::Question;
use crate::filter::{Narrows, also, find_customers, find_users, sees};
use crate::sql::Binds;

text_enum! {
    /// Key by which receivables are grouped
    pub enum OwedBy {
        Customer = "customer",
        /// Salesperson of the invoice; for receipts, the owner of the customer
        Salesperson = "salesperson",
        /// 地区 of the customer
        Region = "region",
    }
}

/// Filter common to all reports on receivables.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AccountFilter {
    pub customer_id: Option<Uuid>,
    /// Salesperson of the invoice; for receipts, the owner of the customer
    pub salesperson_id: Option<Uuid>,
    /// 地区 of the customer
    #[param(min_length = 1, max_length = 100)]
    pub region: Option<String>,
}

intake::references! {
    AccountFilter: &[
        Reference { at: "customer", of: "customer", find: find_customers },
        Reference { at: "salesperson", of: "user", find: find_users },
    ];
}

impl Narrows for AccountFilter {
    fn conditions(&self, binds: &mut Binds) -> String {
        let mut all = vec![];
        for (column, id) in [("customer_id", self.customer_id), ("person_id", self.salesperson_id)]
        {
            all.extend(id.map(|id| format!("{column} = {}", binds.id(id))));
        }
        all.extend(self.region.as_ref().map(|region| format!("region = {}", binds.text(region))));
        also(&all)
    }
}

impl OwedBy {
    /// Returns the column of a group, the columns to show, the tables to join, and the sort order.
    pub(crate) fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Customer => (
                "customer_id",
                "customer_id, external_id as customer_external_id, name as customer_name",
                "groups join customers on customers.id = customer_id",
                "external_id collate \"C\", customer_id",
            ),
            Self::Salesperson => (
                "person_id",
                "person_id as salesperson_id, external_id as salesperson_external_id,
                    name as salesperson_name",
                "groups left join users on users.id = person_id",
                "external_id collate \"C\", person_id",
            ),
            Self::Region => ("region", "region", "groups", "region collate \"C\""),
        }
    }
}

/// Columns that are read of invoices and payments. For open documents without instalments an index
/// covers all of them, so that the number of paid documents does not matter.
const STANDING: &str =
    "id, kind, number, customer_id, salesperson_id, invoice_date, due_date, currency,
    exchange_rate, total_amount, open_amount, disputed";
const RECEIVED: &str = "id, number, customer_id, received_on, currency, exchange_rate, amount,
    unapplied_amount";

/// Returns a part of a statement, `open (kind, id, number, customer_id, person_id, region,
/// document_date, due_on, currency, total_amount, open_amount, amount, disputed)`: the items open
/// at the end of a day, in their own and in the company's currency. Items that lower the debt are
/// negative.
///
/// Without an explicit `as_of` it uses the open amounts stored with the documents; with one it adds
/// up the allocations made by that day. Only customers with open items are read, by their ids,
/// however many others there are.
pub(crate) fn open_on<Q>(question: &mut Question<'_, Q>) -> String {
    let (caller, narrowed) = (question.caller, question.narrowed.clone());
    let (of_invoices, of_payments) =
        (question.from_source("invoices"), question.from_source("payments"));
    let (dated, binds) = (question.until.is_some(), &mut question.binds);
    let invoices = sees::<Invoice>(caller, binds) + &of_invoices;
    let payments = sees::<Payment>(caller, binds) + &of_payments;
    let day = binds.date(question.as_of);
    let used = |of: &str, kept: &str| {
        if dated {
            format!(
                "(select coalesce(sum(a.amount), 0) as amount from allocations a
                    where a.{of} and a.allocated_on <= {day}
                    and (a.reversed_on is null or a.reversed_on > {day})) as used"
            )
        } else {
            format!("(select {kept} as amount) as used")
        }
    };

    let (on, of_note, of_payment) = (
        used("invoice_id = standing.id", "total_amount - open_amount"),
        used("credit_note_id = standing.id", "total_amount + open_amount"),
        used("payment_id = payments.id", "payments.amount - unapplied_amount"),
    );

    format!(
        "standing as materialized (
            select {STANDING}, null::jsonb as instalments from invoices
            where posted_on is not null and closed_on is null and instalments = '[]'
                and invoice_date <= {day}{invoices}
            union all
            select {STANDING}, instalments from invoices
            where posted_on is not null and closed_on is null and instalments <> '[]'
                and invoice_date <= {day}{invoices}
            union all
            select {STANDING}, nullif(instalments, '[]') from invoices
            where posted_on is not null and closed_on > {day} and invoice_date <= {day}
                and (cancelled_on is null or cancelled_on > {day}){invoices}
        ),
        received as materialized (
            select {RECEIVED} from payments where closed_on is null
                and (received_on <= {day} or recorded_on <= {day}){payments}
            union all
            select {RECEIVED} from payments where closed_on > {day}
                and (received_on <= {day} or recorded_on <= {day})
                and (reversed_on is null or reversed_on > {day}){payments}
        ),
        owing as materialized (
            select id as of_id, owner_id, region from customers where id = any(array(
                select customer_id from standing union select customer_id from received))
        ),
        documents as (
            select 'invoice' as kind, id, number, customer_id, salesperson_id as person_id,
                invoice_date as document_date, part.due_date as due_on, currency, exchange_rate,
                total_amount, part.open as open_amount, disputed
            from standing cross join lateral {on}
            cross join lateral (
                select due_date, least(amount, until - used.amount) as open from (
                    select due_date, amount, sum(amount) over (order by due_date, place) as until
                    from (
                        select (it ->> 'due_date')::date as due_date,
                            (it ->> 'amount')::numeric as amount, place
                        from jsonb_array_elements(instalments) with ordinality as x (it, place)
                    ) as parts
                ) as parts where until > used.amount
                union all
                select standing.due_date, total_amount - used.amount
                where instalments is null and total_amount > used.amount
            ) as part
            where kind = 'invoice'
            union all
            select 'credit_note', id, number, customer_id, salesperson_id, invoice_date, null,
                currency, exchange_rate, total_amount, used.amount - total_amount, disputed
            from standing cross join lateral {of_note}
            where kind = 'credit_note' and used.amount < total_amount
            union all
            select case when received_on <= {day} then 'receipt' else 'post_dated' end, payments.id,
                number, customer_id, owing.owner_id, received_on, null, currency, exchange_rate,
                payments.amount, used.amount - payments.amount, false
            from received as payments join owing on owing.of_id = customer_id
            cross join lateral {of_payment}
            where used.amount < payments.amount
        ),
        open as (
            select * from (
                select documents.*, region, round(open_amount * exchange_rate, 6) as amount
                from documents join owing on of_id = customer_id
            ) as it where true{narrowed}
        )"
    )
}

/// Returns the provision rate 坏账准备率 in percent, from the settings, by the days that the
/// expression `late` gives.
pub(crate) fn provision_rate(late: &str) -> String {
    let rates = [
        (Some(0), setting::PROVISION_PERCENT_CURRENT),
        (Some(30), setting::PROVISION_PERCENT_30),
        (Some(60), setting::PROVISION_PERCENT_60),
        (Some(90), setting::PROVISION_PERCENT_90),
        (Some(180), setting::PROVISION_PERCENT_180),
        (Some(365), setting::PROVISION_PERCENT_365),
        (None, setting::PROVISION_PERCENT_BEYOND),
    ];

    let rate = |(until, key): (Option<i32>, Key)| {
        let Key { name, default, .. } = key;
        let rate =
            format!("coalesce((select (settings ->> '{name}')::numeric from company), {default})");
        until.map_or_else(
            || format!(" else {rate}"),
            |until| format!(" when {late} <= {until} then {rate}"),
        )
    };

    format!("case{} end", rates.map(rate).concat())
}

/// Returns a lateral part of a statement on `allocations a` and their `invoices`,
/// `piece (due_on, paid)`: the instalments that the allocation settles, in the invoice's currency.
/// Earlier allocations, including those of credit notes and write-offs, fill the instalments in the
/// order of their due dates, as for open items. Earlier allocations count unless they were reversed
/// by `day`.
pub(crate) fn pieces(day: &str) -> String {
    // The last instalment has no upper bound: if the first of two allocations was reversed after
    // the day of the second, both together may exceed the invoice.
    format!(
        "lateral (
            select due_date as due_on, a.amount as paid where instalments = '[]'
            union all
            select part.due_on, least(part.until, before.amount + a.amount)
                - greatest(part.since, before.amount)
            from (
                select coalesce(sum(b.amount), 0) as amount from allocations b
                where b.invoice_id = a.invoice_id and instalments <> '[]'
                    and (b.allocated_on, b.id) < (a.allocated_on, a.id)
                    and (b.reversed_on is null or b.reversed_on > {day})
            ) as before
            cross join (
                select due_on, until - amount as since,
                    case when lead(place) over by_day is not null then until end as until
                from (
                    select due_on, amount, place,
                        sum(amount) over (order by due_on, place) as until
                    from (
                        select (it ->> 'due_date')::date as due_on,
                            (it ->> 'amount')::numeric as amount, place
                        from jsonb_array_elements(instalments) with ordinality as x (it, place)
                    ) as parts
                ) as parts window by_day as (order by due_on, place)
            ) as part
            where least(part.until, before.amount + a.amount)
                > greatest(part.since, before.amount)
        ) as piece"
    )
}
