//! What can arrive in batches: how it is looked up, and who carries items of it out.

use auth::reference::{BoxFuture, Find, Found, Wanted};
use auth::team::Team;
use auth::user::User;
use auth::waiting::again;
use auth::{Caller, ImportTeams, ImportUsers, Imported, Permission, Role, find_teams, find_users};
use company::ImportExchangeRates;
use company::exchange_rate::ExchangeRate;
use complaints::ImportComplaints;
use complaints::complaint::{Complaint, find_complaints};
use customers::contact::{Contact, find_contacts};
use customers::customer::{Customer, find_customers};
use customers::{ImportContacts, ImportCustomers};
use futures_util::future::LocalBoxFuture;
use orders::ImportOrders;
use orders::order::{Order, find_orders};
use orders::shipment::Shipment;
use platform::batch::Outcomes;
use platform::{Conn, Result, Tx};
use products::ImportProducts;
use products::product::{Product, find_products};
use receivables::control_balance::ControlBalance;
use receivables::invoice::{Invoice, find_invoices};
use receivables::payment::{Payment, find_payments};
use receivables::{ImportControlBalances, ImportInvoices, ImportPayments};
use serde_json::Value;
use targets::ImportTargets;
use targets::target::{Target, find_targets};
use territories::ImportTerritories;
use territories::territory::{Territory, find_territories};
use utoipa::ToSchema;
use visits::ImportVisits;
use visits::visit::{Visit, find_visits};

type Import = for<'a> fn(
    &'a mut Tx,
    &'a Caller,
    &'a str,
    Vec<Value>,
) -> LocalBoxFuture<'a, Result<(Outcomes, Vec<String>)>>;

/// One type of batches.
pub struct Entry {
    pub name: &'static str,
    /// Who may send them
    pub importers: &'static [Role],
    pub import: Import,
    /// The visible lookup of references to it
    pub find: Find,
}

impl Entry {
    const fn of<R: Imported, P: Permission>(find: Find) -> Self
    where
        R::Item: ToSchema + 'static,
    {
        Self { name: R::TYPE, importers: P::ROLES, import: again::<R>, find }
    }

    pub fn named(name: &str) -> Option<&'static Self> {
        ENTRIES.iter().find(|it| it.name == name)
    }
}

const ENTRIES: &[Entry] = &[
    Entry::of::<Team, ImportTeams>(find_teams),
    Entry::of::<User, ImportUsers>(find_users),
    Entry::of::<Territory, ImportTerritories>(find_territories),
    Entry::of::<Product, ImportProducts>(find_products),
    Entry::of::<Customer, ImportCustomers>(find_customers),
    Entry::of::<Contact, ImportContacts>(find_contacts),
    Entry::of::<Order, ImportOrders>(find_orders),
    Entry::of::<Shipment, ImportOrders>(nothing),
    Entry::of::<Invoice, ImportInvoices>(find_invoices),
    Entry::of::<Payment, ImportPayments>(find_payments),
    Entry::of::<ControlBalance, ImportControlBalances>(nothing),
    Entry::of::<Target, ImportTargets>(find_targets),
    Entry::of::<Visit, ImportVisits>(find_visits),
    Entry::of::<Complaint, ImportComplaints>(find_complaints),
    Entry::of::<ExchangeRate, ImportExchangeRates>(nothing),
];

/// Nothing refers to it.
fn nothing<'a>(_: &'a mut Conn, _: &'a Caller, _: &'a Wanted) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async { Ok(Found::default()) })
}
