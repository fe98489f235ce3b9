//! The operations on shipments.

use platform::Routes;

use super::batch::ShipmentBatch;
use super::{Shipment, ShipmentFilter, ShipmentPage};
use crate::{ImportOrders, ReadOrders};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_shipments,
        import_shipments,
        read_shipment,
        list_shipment_history,
    );
}

access::list! {
    /// List shipments
    ///
    /// Returns the shipments of the orders visible to you, latest first.
    list_shipments: "/shipments", ReadOrders, Shipment by ShipmentFilter -> ShipmentPage,
    "A page of shipments"
}

intake::import! {
    /// Import shipments from an ERP
    ///
    /// Creates and updates shipments as the ERP reports them. The fulfilment status of their orders
    /// follows: `partial` while something is missing, then `shipped`, then `delivered`.
    import_shipments: "/shipments/batch", ImportOrders, Shipment from ShipmentBatch
}

access::read! {
    /// Read a shipment
    read_shipment: "/shipments/{id}", ReadOrders -> Shipment, "The shipment"
}

access::history! {
    /// List the history of a shipment
    ///
    /// Returns the changes of the shipment, latest first.
    list_shipment_history: "/shipments/{id}/history", ReadOrders, Shipment
}
