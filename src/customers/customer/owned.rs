//! Which fields of a customer only the ERP or only people edit.

use platform::owned::{Keeper, Owned, OwnedField};

use super::Customer;

/// The ERP keeps the number under which it knows a customer; people have stood in front of its door.
impl Owned for Customer {
    const FIELDS: &'static [OwnedField<Self>] = &[
        OwnedField {
            name: "code",
            keeper: Keeper::Erp,
            of: |it| it.source_system.is_some(),
            same: |a, b| a.code == b.code,
        },
        OwnedField {
            name: "latitude",
            keeper: Keeper::People,
            of: |it| it.latitude.is_some(),
            same: |a, b| a.latitude == b.latitude,
        },
        OwnedField {
            name: "longitude",
            keeper: Keeper::People,
            of: |it| it.longitude.is_some(),
            same: |a, b| a.longitude == b.longitude,
        },
    ];
    const SCHEMAS: &'static [&'static str] = &["Customer", "CustomerDetails"];
}
