//! Who keeps which field, where an ERP and people write the same row (RULES 4.4): what the one keeps
//! the other cannot edit. Declared once per field, by the resource; the document shows it.

use super::error::{Error, Fault, Result};

/// Whoever keeps a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// A program that keeps another system in step
    Erp,
    People,
}

impl Keeper {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Erp => "erp",
            Self::People => "people",
        }
    }
}

/// A field that only one side edits.
pub struct OwnedField<R: 'static> {
    pub name: &'static str,
    pub keeper: Keeper,
    /// Of which rows, as they were before
    pub of: fn(&R) -> bool,
    pub same: fn(&R, &R) -> bool,
}

/// A resource that an ERP and people write.
pub trait Owned: Sized + 'static {
    const FIELDS: &'static [OwnedField<Self>];
    /// Where the fields stand in the document
    const SCHEMAS: &'static [&'static str];
}

/// The fields that would change though somebody else keeps them.
pub fn faults<R: Owned>(before: &R, after: &R, by: Keeper) -> Vec<Fault> {
    let foreign = R::FIELDS.iter().filter(|it| it.keeper != by);
    let changed = foreign.filter(|it| (it.of)(before) && !(it.same)(before, after));
    let fault = |it: &OwnedField<R>| {
        let why = match it.keeper {
            Keeper::Erp => "the ERP keeps this field",
            Keeper::People => "people keep this field",
        };
        Fault::new(format!("/{}", it.name), "field_not_owned", why)
    };
    changed.map(fault).collect()
}

/// Does the ERP own this field of the row?
pub fn is_erps<R: Owned>(row: &R, field: &str) -> bool {
    let mut fields = R::FIELDS.iter();
    fields.any(|it| it.name == field && it.keeper == Keeper::Erp && (it.of)(row))
}

/// Refuses a single write that would change them.
pub fn check<R: Owned>(before: &R, after: &R, by: Keeper) -> Result<()> {
    let faults = faults(before, after, by);
    if faults.is_empty() {
        return Ok(());
    }
    let detail = "somebody else keeps some of these fields";
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
                keeper: Keeper::Erp,
                of: |it| it.linked,
                same: |a, b| a.shipped == b.shipped,
            },
            OwnedField {
                name: "note",
                keeper: Keeper::People,
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
        assert_eq!(told(&row(true, 0, 0), Keeper::People), "/shipped");
        assert_eq!(told(&row(true, 0, 0), Keeper::Erp), "/note");
        assert_eq!(told(&row(false, 0, 0), Keeper::People), "");
        assert_eq!(told(&row(true, 1, 1), Keeper::Erp), "");
    }
}
