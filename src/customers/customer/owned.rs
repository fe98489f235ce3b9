//! Field ownership: the fields of a customer that only the ERP or only people edit.

use platform::owned::{FieldOwner, Owned, OwnedField};

use super::Customer;

/// The ERP owns the number of the customers that it knows. People own positions, because they have
/// been at the customer's door.
impl Owned for Customer {
    const FIELDS: &'static [OwnedField<Self>] = &[
        OwnedField {
            name: "code",
            owner: FieldOwner::Erp,
            of: |customer| customer.source_system.is_some(),
            same: |a, b| a.code == b.code,
        },
        OwnedField {
            name: "latitude",
            owner: FieldOwner::People,
            of: |customer| customer.latitude.is_some(),
            same: |a, b| a.latitude == b.latitude,
        },
        OwnedField {
            name: "longitude",
            owner: FieldOwner::People,
            of: |customer| customer.longitude.is_some(),
            same: |a, b| a.longitude == b.longitude,
        },
    ];
    const SCHEMAS: &'static [&'static str] = &["Customer", "CustomerDetails"];
}
