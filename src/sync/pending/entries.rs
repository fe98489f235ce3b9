//! The types that can arrive in batches, with their lookups and their imports.

use access::{Caller, Permission, Role};
use auth::team::Team;
use auth::user::User;
use auth::{ImportTeams, ImportUsers};
use company::ImportExchangeRates;
use company::exchange_rate::ExchangeRate;
use complaints::ImportComplaints;
use complaints::complaint::Complaint;
use customers::contact::Contact;
use customers::customer::Customer;
use customers::{ImportContacts, ImportCustomers};
use futures_util::future::LocalBoxFuture;
use intake::Imported;
use intake::again;
use intake::reference::Find;
use orders::ImportOrders;
use orders::order::Order;
use orders::shipment::Shipment;
use platform::batch::Outcomes;
use platform::{Result, Tx};
use products::ImportProducts;
use products::product::Product;
use receivables::control_balance::ControlBalance;
use receivables::invoice::Invoice;
use receivables::payment::Payment;
use receivables::{ImportControlBalances, ImportInvoices, ImportPayments};
use serde_json::Value;
use surveys::ImportSurveyResponses;
use surveys::response::SurveyResponse;
use targets::ImportTargets;
use targets::target::Target;
use territories::ImportTerritories;
use territories::territory::Territory;
use utoipa::ToSchema;
use visits::ImportVisits;
use visits::visit::Visit;

type Import = for<'a> fn(
    &'a mut Tx,
    &'a Caller,
    &'a str,
    Vec<Value>,
) -> LocalBoxFuture<'a, Result<(Outcomes, Vec<String>)>>;

/// A type of batches.
pub struct Entry {
    pub name: &'static str,
    /// The path of its collection
    path: &'static str,
    /// Roles that may send them
    pub importers: &'static [Role],
    pub import: Import,
    /// The lookup of references to it, limited to visible rows
    pub find: Find,
}

impl Entry {
    const fn of<R: Imported, P: Permission>() -> Self
    where
        R::Item: ToSchema + 'static,
    {
        Self {
            name: R::TYPE,
            path: R::PATH,
            importers: P::ROLES,
            import: again::<R>,
            find: R::FIND,
        }
    }

    pub fn named(name: &str) -> Option<&'static Self> {
        ENTRIES.iter().find(|entry| entry.name == name)
    }
}

/// Returns the lookup of visible rows in a collection whose rows can have external ids, by its name
/// in paths: `customers`.
pub fn find_in(collection: &str) -> Option<Find> {
    let named = |entry: &&Entry| entry.path.rsplit('/').next() == Some(collection);
    ENTRIES.iter().find(named).map(|entry| entry.find)
}

const ENTRIES: &[Entry] = &[
    Entry::of::<Team, ImportTeams>(),
    Entry::of::<User, ImportUsers>(),
    Entry::of::<Territory, ImportTerritories>(),
    Entry::of::<Product, ImportProducts>(),
    Entry::of::<Customer, ImportCustomers>(),
    Entry::of::<Contact, ImportContacts>(),
    Entry::of::<Order, ImportOrders>(),
    Entry::of::<Shipment, ImportOrders>(),
    Entry::of::<Invoice, ImportInvoices>(),
    Entry::of::<Payment, ImportPayments>(),
    Entry::of::<ControlBalance, ImportControlBalances>(),
    Entry::of::<Target, ImportTargets>(),
    Entry::of::<Visit, ImportVisits>(),
    Entry::of::<Complaint, ImportComplaints>(),
    Entry::of::<ExchangeRate, ImportExchangeRates>(),
    Entry::of::<SurveyResponse, ImportSurveyResponses>(),
];
