//! Ownership of fields in rows that both an ERP and people write. A field that one side owns cannot
//! be edited by the other. Each resource declares it once per field; the API document shows it.

use super::error::{Error, Fault, Result};

/// The owner of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldOwner {
    /// A program that keeps another system in sync
    Erp,
    People,
}

impl FieldOwner {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Erp => "erp",
            Self::People => "people",
        }
    }
}

/// A field that only its owner may edit.
pub struct OwnedField<R: 'static> {
    pub name: &'static str,
    pub owner: FieldOwner,
    /// Selects the rows that this applies to, by their state before the change
    pub of: fn(&R) -> bool,
    pub same: fn(&R, &R) -> bool,
}

/// A resource that an ERP and people write.
pub trait Owned: Sized + 'static {
    const FIELDS: &'static [OwnedField<Self>];
    /// Names of the schemas in the API document that have these fields
    const SCHEMAS: &'static [&'static str];
}

/// Returns a fault for each field that would change although the other side owns it.
pub fn faults<R: Owned>(before: &R, after: &R, by: FieldOwner) -> Vec<Fault> {
    let foreign = R::FIELDS.iter().filter(|field| field.owner != by);
    let changed = foreign.filter(|field| (field.of)(before) && !(field.same)(before, after));
    let fault = |field: &OwnedField<R>| {
        let why = match field.owner {
            FieldOwner::Erp => "maintained by the ERP",
            FieldOwner::People => "maintained by people",
        };
        Fault::new(format!("/{}", field.name), "field_not_owned", why)
    };
    changed.map(fault).collect()
}

/// Checks whether the ERP owns this field of the row.
pub fn is_erps<R: Owned>(row: &R, field: &str) -> bool {
    let mut fields = R::FIELDS.iter();
    fields.any(|owned| owned.name == field && owned.owner == FieldOwner::Erp && (owned.of)(row))
}

/// Refuses a write that would change fields of the other side.
pub fn check<R: Owned>(before: &R, after: &R, by: FieldOwner) -> Result<()> {
    let faults = faults(before, after, by);
    if faults.is_empty() {
        return Ok(());
    }
    let detail = "Some of these fields are maintained by the other side; see `errors`.";
    Err(Error::conflict("field_not_owned", detail).faults(faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row {
        linked: bool,
        shipped: u8,
        note: u8,
    }

    impl Owned for Row {
        const FIELDS: &'static [OwnedField<Self>] = &[
            OwnedField {
                name: "shipped",
                owner: FieldOwner::Erp,
                of: |it| it.linked,
                same: |a, b| a.shipped == b.shipped,
            },
            OwnedField {
                name: "note",
                owner: FieldOwner::People,
                of: |_| true,
                same: |a, b| a.note == b.note,
            },
        ];
        const SCHEMAS: &'static [&'static str] = &[];
    }

    #[test]
    fn each_edits_what_it_keeps() {
        let row = |linked, shipped, note| Row { linked, shipped, note };
        let told = |before: &Row, by| {
            let faults = faults(before, &row(true, 1, 1), by);
            faults.into_iter().map(|it| it.pointer).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(&row(true, 0, 0), FieldOwner::People), "/shipped");
        assert_eq!(told(&row(true, 0, 0), FieldOwner::Erp), "/note");
        assert_eq!(told(&row(false, 0, 0), FieldOwner::People), "");
        assert_eq!(told(&row(true, 1, 1), FieldOwner::Erp), "");
    }
}
