//! The related rows that `expand` can add: the fields that refer to them, and the lookups of their
//! names.

use access::Caller;
use auth::{ReadTeams, ReadUsers};
use complaints::ReadComplaints;
use customers::{ReadContacts, ReadCustomers};
use intake::names::Names;
use orders::ReadOrders;
use products::ReadProducts;
use receivables::ReadInvoices;
use territories::ReadTerritories;

/// A type of rows that other rows refer to.
#[derive(Debug)]
pub struct Target {
    /// Name of the type in the change feed
    pub of: &'static str,
    /// Checks whether the caller may read the type
    pub may: fn(&Caller) -> bool,
    pub names: Names,
    /// Members of a related row in addition to its id
    pub parts: &'static [&'static str],
}

const CUSTOMER: Target = Target {
    of: "customer",
    may: Caller::may::<ReadCustomers>,
    names: customers::customer::name_customers,
    parts: &["code", "name"],
};
const CONTACT: Target = Target {
    of: "contact",
    may: Caller::may::<ReadContacts>,
    names: customers::contact::name_contacts,
    parts: &["name"],
};
const USER: Target = Target {
    of: "user",
    may: Caller::may::<ReadUsers>,
    names: auth::user::name_users,
    parts: &["name"],
};
const TEAM: Target = Target {
    of: "team",
    may: Caller::may::<ReadTeams>,
    names: auth::team::name_teams,
    parts: &["code", "name"],
};
const TERRITORY: Target = Target {
    of: "territory",
    may: Caller::may::<ReadTerritories>,
    names: territories::territory::name_territories,
    parts: &["code", "name"],
};
const PRODUCT: Target = Target {
    of: "product",
    may: Caller::may::<ReadProducts>,
    names: products::product::name_products,
    parts: &["code", "name"],
};
const ORDER: Target = Target {
    of: "order",
    may: Caller::may::<ReadOrders>,
    names: orders::order::name_orders,
    parts: &["number"],
};
const INVOICE: Target = Target {
    of: "invoice",
    may: Caller::may::<ReadInvoices>,
    names: receivables::invoice::name_invoices,
    parts: &["number"],
};
const COMPLAINT: Target = Target {
    of: "complaint",
    may: Caller::may::<ReadComplaints>,
    names: complaints::complaint::name_complaints,
    parts: &["number"],
};

/// The type that a field refers to.
#[derive(Debug, Clone, Copy)]
pub enum Referent {
    /// Always the same type
    One(&'static Target),
    /// The type named by another field of the item
    By(&'static str, &'static [(&'static str, &'static Target)]),
}

/// Names of references, without `_id` or `_ids`, and the types that they refer to in all resources.
/// A field with such a name gets an expansion.
const REFERENCES: &[(&str, &Target)] = &[
    ("about_user", &USER),
    ("assignee", &USER),
    ("author", &USER),
    ("complaint", &COMPLAINT),
    ("contact", &CONTACT),
    ("corrects_invoice", &INVOICE),
    ("customer", &CUSTOMER),
    ("from_owner", &USER),
    ("investigator", &USER),
    ("invoice", &INVOICE),
    ("manager", &USER),
    ("merged_into", &CUSTOMER),
    ("order", &ORDER),
    ("owner", &USER),
    ("participant", &USER),
    ("product", &PRODUCT),
    ("repeat_of", &COMPLAINT),
    ("reporter", &USER),
    ("salesperson", &USER),
    ("team", &TEAM),
    ("territory", &TERRITORY),
    ("to_owner", &USER),
    ("user", &USER),
];

/// The owner of a target, whose type is in `owner_type`.
const OWNERS: Referent =
    Referent::By("owner_type", &[("customer", &CUSTOMER), ("team", &TEAM), ("user", &USER)]);

/// Returns the type that a reference in this schema refers to. `None` if it cannot be expanded.
pub fn referent(schema: &str, reference: &str) -> Option<Referent> {
    match (schema, reference) {
        ("Target", "owner") => Some(OWNERS),
        ("Team", "parent") => Some(Referent::One(&TEAM)),
        ("Territory", "parent") => Some(Referent::One(&TERRITORY)),
        _ => {
            let known = REFERENCES.iter().find(|known| known.0 == reference)?;
            Some(Referent::One(known.1))
        }
    }
}

/// Returns the name of an expansion. It is the name of the field, with one exception: the users of
/// an order's credits are its salespeople.
pub fn label<'a>(schema: &str, reference: &'a str) -> &'a str {
    if (schema, reference) == ("Credit", "user") { "salesperson" } else { reference }
}
