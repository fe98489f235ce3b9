//! Dunning letters, 催款函: the wording depends on the dunning step, and the letter lists everything
//! that is due. A letter is generated when it is read. People send it and record that as the result
//! of the collection task.

use access::{Caller, Can};
use actix_web::http::header::VARY;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use company::Company;
use company::company::Language;
use customers::customer::name_of;
use platform::language::prefers_chinese;
use platform::{Clock, Conn, Date, Db, Error, Money, Path, Problems, Result, Routes};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadCollections;
use crate::collection_task::{CollectionStatus, CollectionTask, DunningStep};
use crate::invoice::{self, Invoice};

/// A dunning letter, 催款函
#[derive(Debug, Serialize, ToSchema)]
#[serde(remote = "Self")]
pub struct DunningLetter {
    pub task_id: Uuid,
    pub customer_id: Uuid,
    #[schema(inline)]
    pub step: DunningStep,
    #[schema(inline)]
    pub language: Language,
    pub written_on: Date,
    pub subject: String,
    /// The whole letter as plain text with line breaks
    pub text: String,
    /// The due items, the earliest first
    pub items: Vec<LetterItem>,
    #[schema(example = "CNY")]
    pub currency: String,
    pub total: Money,
}

platform::in_currency! { DunningLetter: |letter| Some(letter.currency.as_str()) }

/// A due invoice or instalment
#[derive(Debug, Serialize, ToSchema)]
pub struct LetterItem {
    pub invoice_id: Uuid,
    pub number: String,
    pub invoice_date: Date,
    pub due_on: Date,
    /// Days since `due_on`; negative before it
    pub days_late: i64,
    pub open_amount: Money,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, read_dunning_letter);
}

/// Dunning letter for a collection task
///
/// 催款函. Lists the customer's due invoices in the task's currency, and the task's own item even
/// before it is due. Disputed invoices and invoices outside your scope are left out. The letter is
/// in Chinese or English by `Accept-Language`. Default: the company's language. Only for an open
/// task, otherwise 409 `wrong_status`.
#[utoipa::path(
    get, path = "/collection-tasks/{id}/letter",
    responses(
        (status = 200, description = "The letter", body = DunningLetter),
        (status = 422, description = "`invalid`, `no_exchange_rate`, `too_many_rows`"),
        Problems,
    ),
)]
async fn read_dunning_letter(
    caller: Can<ReadCollections>,
    id: Path<Uuid>,
    req: HttpRequest,
    clock: Data<Clock>,
    db: Db,
) -> Result<HttpResponse> {
    let (conn, language) = (&mut *db.conn().await?, asked_for(&req));
    let letter = DunningLetter::of(conn, &caller, *id, language, clock.today()).await?;
    Ok(HttpResponse::Ok().insert_header((VARY, "Authorization, Accept-Language")).json(letter))
}

/// Returns the language requested by `Accept-Language`, by the same rule as for problem details.
fn asked_for(req: &HttpRequest) -> Option<Language> {
    let chinese = prefers_chinese(req.headers())?;
    Some(if chinese { Language::Chinese } else { Language::English })
}

/// Returns the subject, the opening and the closing sentence.
fn words(step: DunningStep, language: Language) -> [&'static str; 3] {
    use DunningStep::{BeforeDue, First, Last, Second, Third};
    match (language, step) {
        (Language::Chinese, BeforeDue) => {
            ["付款提醒", "贵公司以下款项即将到期,特此提醒。", "请按期付款,感谢支持。"]
        }
        (Language::Chinese, First) => [
            "逾期付款提醒",
            "贵公司以下款项已到期,我公司尚未收到。",
            "请尽快安排付款;如已付款,请忽略本函。",
        ],
        (Language::Chinese, Second) => {
            ["催款函", "经提醒,贵公司以下款项仍未支付。", "请于七日内付清,或告知付款日期。"]
        }
        (Language::Chinese, Third) => [
            "再次催款函",
            "经多次提醒,贵公司以下款项仍未支付。",
            "请立即付款;此前我公司可能暂停供货。",
        ],
        (Language::Chinese, Last) => [
            "最后催款函",
            "贵公司以下款项已长期逾期,屡经催告未付。",
            "请于七日内付清,否则我公司将保留采取法律措施的权利。",
        ],
        (Language::English, BeforeDue) => [
            "Payment reminder",
            "The following amounts are due soon.",
            "Please pay in time. Thank you.",
        ],
        (Language::English, First) => [
            "Overdue payment",
            "The following amounts are due and have not reached us.",
            "Please pay soon. If you have paid already, please disregard this letter.",
        ],
        (Language::English, Second) => [
            "Second reminder",
            "The following amounts are still unpaid in spite of our reminder.",
            "Please pay within seven days, or tell us when you will.",
        ],
        (Language::English, Third) => [
            "Third reminder",
            "The following amounts are still unpaid in spite of several reminders.",
            "Please pay at once. Until then we may stop deliveries.",
        ],
        (Language::English, Last) => [
            "Final demand",
            "The following amounts are long overdue and unpaid in spite of all reminders.",
            "Please pay within seven days, or we reserve the right to take legal action.",
        ],
    }
}

impl LetterItem {
    fn line(&self, currency: &str, language: Language) -> String {
        let Self { number, invoice_date, due_on, days_late, .. } = self;
        let open_amount = self.open_amount.shown_in(currency);
        match language {
            Language::Chinese => {
                let late = (*days_late > 0).then(|| format!(",逾期 {days_late} 天"));
                let late = late.unwrap_or_default();
                format!(
                    "发票 {number},开票日 {invoice_date},到期日 {due_on},未付 {currency} {open_amount}{late}"
                )
            }
            Language::English => {
                let late = (*days_late > 0).then(|| format!(", {days_late} days late"));
                let late = late.unwrap_or_default();
                format!(
                    "Invoice {number} of {invoice_date}, due {due_on}: {currency} {open_amount}{late}"
                )
            }
        }
    }
}

impl DunningLetter {
    async fn of(
        conn: &mut Conn,
        caller: &Caller,
        task: Uuid,
        language: Option<Language>,
        today: Date,
    ) -> Result<Self> {
        let task = CollectionTask::find(conn, caller, task).await?;
        if task.status != CollectionStatus::Open {
            let status = task.status.as_str();
            let detail = "The collection task is `{}`. Dunning letters are available only for \
                open tasks.";
            return Err(Error::wrong_status(status, detail));
        }

        let company = Company::load(conn).await?;
        let name = name_of(conn, task.customer_id).await?;
        let invoices = invoice::due_of(conn, caller, &task, today).await?;
        let mut items: Vec<_> =
            invoices.iter().flat_map(|invoice| due(invoice, &task, today)).collect();
        items.sort_by(|a, b| (a.due_on, &a.number).cmp(&(b.due_on, &b.number)));
        let total: Money = items.iter().map(|item| item.open_amount).sum();

        let language = language.unwrap_or(company.language);
        let [subject, opening, closing] = words(task.step, language);
        let lines = items.iter().map(|item| item.line(&task.currency, language));
        let lines = lines.collect::<Vec<_>>().join("\n");
        let (to, sum) = match language {
            Language::Chinese => ("致:", "合计:"),
            Language::English => ("To: ", "Total: "),
        };
        let text = format!(
            "{subject}\n\n{to}{name}\n\n{opening}\n\n{lines}\n{sum}{} {}\n\n{closing}\n\n{}\n{today}",
            task.currency,
            total.shown_in(&task.currency),
            company.name
        );

        Ok(Self {
            task_id: task.id,
            customer_id: task.customer_id,
            step: task.step,
            language,
            written_on: today,
            subject: subject.to_owned(),
            text,
            items,
            currency: task.currency,
            total,
        })
    }
}

/// Returns the due parts of an invoice, and the part that the task is for.
fn due(invoice: &Invoice, task: &CollectionTask, today: Date) -> Vec<LetterItem> {
    let wanted = |due_on: Date| {
        due_on <= today || (invoice.id == task.invoice_id && due_on == task.invoice_due_on)
    };
    let parts = invoice.unpaid().into_iter().filter(|part| wanted(part.0));
    let item = |(due_on, open_amount): (Date, Money)| LetterItem {
        invoice_id: invoice.id,
        number: invoice.number.clone(),
        invoice_date: invoice.invoice_date,
        due_on,
        days_late: i64::from((today.0 - due_on.0).get_days()),
        open_amount,
    };
    parts.map(item).collect()
}
