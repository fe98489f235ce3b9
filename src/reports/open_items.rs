//! Open items 未清项.

use access::Can;
use actix_web::HttpResponse;
use platform::{Date, NoFilter, Number, Problems, Query, Result, text_enum};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::receivables::{AccountFilter, open_on};

text_enum! {
    pub enum OpenItemKind {
        /// An invoice, or one of its instalments
        Invoice = "invoice",
        CreditNote = "credit_note",
        /// 预收
        Receipt = "receipt",
        /// 远期
        PostDated = "post_dated",
    }
}

/// One open item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "kind": "invoice", "id": "01910000-0000-7000-8000-000000000002", "number": "IN-2026-000123",
    "customer_id": "01910000-0000-7000-8000-000000000003", "customer_external_id": "29818",
    "customer_name": "上海林氏贸易有限公司", "salesperson_id": null, "document_date": "2026-10-01",
    "due_on": "2026-10-31", "days_late": 12, "currency": "CNY", "total_amount": "113.0000",
    "open_amount": "13.0000", "amount": "13.0000", "disputed": false,
}))]
pub struct OpenItemRow {
    #[schema(inline)]
    pub kind: OpenItemKind,
    /// Id of the invoice or the payment
    pub id: Uuid,
    pub number: String,
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    pub salesperson_id: Option<Uuid>,
    pub document_date: Date,
    /// Due date of an invoice or instalment; null for other items
    pub due_on: Option<Date>,
    /// Days since `due_on`; negative before it
    pub days_late: Option<i64>,
    /// Currency of the document
    pub currency: String,
    pub total_amount: Number,
    /// In the document's currency; negative for items that lower the debt
    pub open_amount: Number,
    /// In the company's currency
    pub amount: Number,
    pub disputed: bool,
}

/// Totals of all open items.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenItemTotals {
    pub items: i64,
    /// In the company's currency, without post-dated payments
    pub amount: Number,
}

crate::report! {
    /// Open items
    OpenItemsReport of OpenItemRow, OpenItemTotals
}

/// Open items
///
/// 未清项 at the end of a day: instalments of invoices, credit notes and receipts that are not
/// fully allocated, and post-dated payments. They add up to the figures of `ar-aging`. Only
/// invoices and payments visible to you count.
#[utoipa::path(
    get, path = "/reports/open-items",
    params(ReportQuery<NoFilter, AccountFilter, NoFilter>),
    responses(
        (status = 200, description = "One row per item", content(
            (OpenItemsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_open_items(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<NoFilter, AccountFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let open = open_on(&mut question);
    let day = question.binds.date(question.as_of);
    let shared = format!("with {open}");
    let rows = format!(
        "select open.kind, open.id, number, customer_id, external_id as customer_external_id,
            name as customer_name, person_id as salesperson_id, document_date, due_on,
            {day} - due_on as days_late, currency, round(total_amount, 4)::text as total_amount,
            round(open_amount, 4)::text as open_amount, round(amount, 4)::text as amount, disputed
        from open join customers on customers.id = customer_id
        order by external_id collate \"C\", customer_id, due_on nulls last, document_date, open.id"
    );

    let totals = "select count(*) as items,
            round(coalesce(sum(amount) filter (where kind <> 'post_dated'), 0), 4)::text as amount
        from open"
        .to_owned();

    Plan { shared, ..Plan::new("open-items", question.binds, rows, totals) }
}
