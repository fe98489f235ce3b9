//! The company of this database: its name, currency and time zone, the settings that tune the
//! business rules, the working calendar and the exchange rates.

pub mod calendar;
pub mod company;
pub mod exchange_rate;
pub mod holiday;
pub mod hooks;
pub mod setting;

use access::Domain;

pub use calendar::Calendar;
pub use company::Company;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[company::routes, holiday::routes, exchange_rate::http::routes],
    permissions: PERMISSIONS,
    ..Domain::new("company", "The company 公司, its calendar 工作日历 and exchange rates 汇率")
};

access::permissions! {
    ReadCompany: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    WriteCompany: Admin;
    WriteHolidays: Admin | Hr | BackOffice;
    WriteExchangeRates: Admin | Finance | Erp;
    ImportExchangeRates: Admin | Erp;
}
