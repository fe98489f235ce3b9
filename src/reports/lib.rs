//! Reports 报表: sales by any grouping, attainment of targets 达成率, receivables, and field work.
//!
//! Sales are sums of the sales ledger over the orders that the reader may see. The other reports
//! count the visits, customers, complaints, invoices and payments that the reader may see. Totals
//! therefore equal the rows that the same reader can list. Reports read any table and write none.

pub mod abc;
pub mod account_entries;
pub mod activity_funnel;
pub mod answer;
pub mod ar_aging;
pub mod attainment;
pub mod collections;
mod comparison;
pub mod complained;
pub mod complaints_by;
pub mod coverage;
pub mod credit_exposure;
pub mod credit_scores;
pub mod csv;
pub mod dso;
pub mod explain;
pub mod filter;
pub mod forecast;
mod form;
pub mod fulfilment;
pub mod group;
mod grouping;
pub mod measure;
pub mod new_customers;
pub mod not_visited;
pub mod open_items;
pub mod order_book;
pub mod order_intervals;
pub mod payment_behaviour;
mod people;
pub mod period;
pub mod permits;
pub mod promises;
mod question;
pub mod receivables;
pub mod refusals;
pub mod repeat_complaints;
pub mod sales;
pub mod satisfaction;
pub mod sla;
mod sql;
mod targets;
pub mod team_sales;
pub mod top;
pub mod unfiled;
pub mod visit_entries;
pub mod visit_intervals;
pub mod visits_by_month;
pub mod without_terms;

use access::Domain;
use platform::Routes;

// Their tables are read with SQL.
use {products as _, surveys as _};

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[routes],
    permissions: PERMISSIONS,
    ..Domain::new("reports", "Reports, 报表")
};

access::permissions! {
    /// Reports on sales; they count only the orders that the caller may see
    ReadReports: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    /// Reports on receivables, for roles that may read invoices and payments
    ReadAccountReports: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Erp | Reporter;
    /// Reports on promises to pay, for roles that may read promises
    ReadCollectionReports: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Reporter;
    /// Reports on visits, for roles that may read visits
    ReadFieldReports: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Erp | Reporter;
    /// Reports on complaints, for roles that may read complaints
    ReadComplaintReports: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Quality | Hr | Erp | Reporter;
}

/// Registers all reports.
fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        sales::report_sales,
        attainment::report_attainment,
        explain::explain_attainment,
        team_sales::report_team_sales,
        abc::report_abc,
        order_intervals::report_order_intervals,
        new_customers::report_new_customers,
        top::report_top,
        forecast::report_forecast,
        visits_by_month::report_visits,
        coverage::report_coverage,
        not_visited::report_not_visited,
        visit_intervals::report_visit_intervals,
        refusals::report_refusals,
        activity_funnel::report_activity_funnel,
        satisfaction::report_satisfaction,
        complaints_by::report_complaints,
        sla::report_sla,
        unfiled::report_unfiled,
        repeat_complaints::report_repeat_complaints,
        ar_aging::report_ar_aging,
        open_items::report_open_items,
        collections::report_collections,
        payment_behaviour::report_payment_behaviour,
        dso::report_dso,
        credit_exposure::report_credit_exposure,
        credit_scores::report_credit_scores,
        without_terms::report_without_terms,
        order_book::report_order_book,
        fulfilment::report_fulfilment,
        promises::report_promises,
    );
}
