//! The collections whose rows can have external ids.

use auth::find_users;
use auth::team::Team;
use company::exchange_rate::ExchangeRate;
use complaints::complaint::Complaint;
use customers::contact::Contact;
use customers::customer::Customer;
use intake::Imported;
use intake::reference::Find;
use orders::order::Order;
use orders::shipment::Shipment;
use products::product::Product;
use receivables::control_balance::ControlBalance;
use receivables::invoice::Invoice;
use receivables::payment::Payment;
use targets::target::Target;
use territories::territory::Territory;
use visits::visit::Visit;

type Collection = (&'static str, Find);

const COLLECTIONS: &[Collection] = &[
    // `find_users` finds a user by external id only if the caller may read that id.
    ("/api/v1/users", find_users),
    of::<Team>(),
    of::<Territory>(),
    of::<Customer>(),
    of::<Contact>(),
    of::<Product>(),
    of::<Target>(),
    of::<Order>(),
    of::<Shipment>(),
    of::<Invoice>(),
    of::<Payment>(),
    of::<Visit>(),
    of::<Complaint>(),
    of::<ControlBalance>(),
    of::<ExchangeRate>(),
];

const fn of<R: Imported>() -> Collection {
    (R::PATH, R::FIND)
}

/// Returns the lookup of visible rows in a collection, by its name in paths: `customers`.
pub fn find(name: &str) -> Option<Find> {
    let known = COLLECTIONS.iter().find(|known| known.0.rsplit('/').next() == Some(name))?;
    Some(known.1)
}
