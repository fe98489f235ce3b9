//! The company of this database: its name, currency and time zone, the settings that tune the
//! business rules, the working calendar and the exchange rates.

pub mod calendar;
pub mod company;
pub mod exchange_rate;
pub mod holiday;
pub mod hooks;
pub mod setting;

use utoipa_actix_web::service_config::ServiceConfig;

pub use calendar::Calendar;
pub use company::Company;

access::permissions! {
    ReadCompany: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    WriteCompany: Admin;
    WriteHolidays: Admin | Hr | BackOffice;
    WriteExchangeRates: Admin | Finance | Erp;
    ImportExchangeRates: Admin | Erp;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(company::routes)
        .configure(holiday::routes)
        .configure(exchange_rate::http::routes);
}
