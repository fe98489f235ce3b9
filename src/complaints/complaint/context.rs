//! Data that complaints need of the records they refer to, loaded once for all of them.

use std::collections::{HashMap, HashSet};

use customers::contact;
use customers::customer::{self, Customer, Tier};
use orders::{order, sales_entry};
use platform::{Conn, Fault, Result};
use uuid::Uuid;
use visits::visit;

use super::Complaint;

/// The customers of complaints, and the customers of their contacts, visits and orders.
#[derive(Default)]
pub(super) struct ComplaintContext {
    customers: HashMap<Uuid, Customer>,
    contacts: HashMap<Uuid, Uuid>,
    visits: HashMap<Uuid, Uuid>,
    orders: HashMap<Uuid, Uuid>,
    sold: HashSet<(Uuid, Uuid)>,
}

impl ComplaintContext {
    pub(super) async fn load(conn: &mut Conn, complaints: &[&Complaint]) -> Result<Self> {
        let all = |id: fn(&Complaint) -> Option<Uuid>| -> Vec<Uuid> {
            let ids: HashSet<Uuid> =
                complaints.iter().filter_map(|complaint| id(complaint)).collect();
            ids.into_iter().collect()
        };
        let customers = all(|complaint| Some(complaint.customer_id));
        let mut context = Self {
            customers: customer::load(conn, customers.iter().copied()).await?,
            ..Self::default()
        };

        let contacts = all(|complaint| complaint.contact_id);
        if !contacts.is_empty() {
            context.contacts = contact::customers_of(conn, contacts).await?;
        }

        let visits = all(|complaint| complaint.visit_id);
        if !visits.is_empty() {
            context.visits = visit::customers_of(conn, visits).await?;
        }

        let orders = all(|complaint| complaint.order_id);
        if !orders.is_empty() {
            context.orders = order::customers_of(conn, orders).await?;
        }

        let products = all(|complaint| complaint.product_id);
        if !products.is_empty() {
            context.sold = sales_entry::sold(conn, &customers, &products).await?;
        }

        Ok(context)
    }

    pub(super) fn customer(&self, id: Uuid) -> Option<&Customer> {
        self.customers.get(&id)
    }

    /// Returns `true` for customers of tier A (优质客户), whose first response is due in half the
    /// time.
    pub(super) fn halved(&self, customer: Uuid) -> bool {
        self.customer(customer).is_some_and(|customer| customer.tier == Some(Tier::A))
    }

    /// Returns `true` if the complaint is about a product that was never sold to its customer.
    pub(super) fn not_sold(&self, of: &Complaint) -> bool {
        of.product_id.is_some_and(|product| !self.sold.contains(&(of.customer_id, product)))
    }

    /// Returns a fault for each reference that belongs to another customer.
    pub(super) fn faults(&self, of: &Complaint) -> Vec<Fault> {
        let named = [
            ("/contact_id", of.contact_id, &self.contacts),
            ("/visit_id", of.visit_id, &self.visits),
            ("/order_id", of.order_id, &self.orders),
        ];
        let foreign = named.into_iter().filter(|(_, id, customers)| {
            id.and_then(|id| customers.get(&id)).is_some_and(|customer| *customer != of.customer_id)
        });
        let why = "belongs to another customer";
        foreign.map(|(at, ..)| Fault::new(at, "contradiction", why)).collect()
    }
}
