//! Territories, 区域: parts of the market with their holders over time.

mod batch;
mod db;
pub mod http;

use diesel::prelude::*;
use intake::Reference;
use platform::{
    Date, Embedded, Error, Fault, Result, Timestamp, page, resource, sent, set, text_enum,
};
use schema::territories;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::{find_territories, name_territories};

text_enum! {
    pub enum TerritorySort {
        Name = "name",
        NewestFirst = "-created_at",
    }
}

/// A territory, 区域
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(table_name = territories)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Territory {
    pub id: Uuid,
    pub version: i64,
    #[schema(example = "EAST")]
    pub code: Option<String>,
    #[schema(example = "华东")]
    pub name: String,
    pub parent_id: Option<Uuid>,
    /// Kind of territory. Free text
    #[schema(example = "region")]
    pub kind: Option<String>,
    /// The holders over time. One at a time, except in data imported from another system
    #[schema(value_type = Vec<Holder>)]
    pub holders: Embedded<Vec<Holder>>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! { Territory: "territory" at "/api/v1/territories", seen by everybody }

/// A person's time as holder of a territory
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Holder {
    pub user_id: Uuid,
    pub valid_from: Date,
    /// Exclusive. Null for a holder without an end
    pub valid_to: Option<Date>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "code": "EAST", "name": "华东", "kind": "region" }))]
pub struct NewTerritory {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The source system that assigned `external_id`. Default: the caller's own
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    external_id: Option<String>,
    #[serde(flatten)]
    details: TerritoryDetails,
}

/// A merge patch. Absent fields keep their value, `null` clears, the holders are replaced as a
/// whole.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "name": "华东大区" }))]
pub struct TerritoryChanges {
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    #[serde(flatten)]
    details: TerritoryDetails,
}

/// Fields that new territories and changes of territories have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct TerritoryDetails {
    #[serde(deserialize_with = "sent")]
    #[schema(min_length = 1, max_length = 40)]
    code: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    parent_id: Option<Option<Uuid>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 40)]
    kind: Option<Option<String>>,
    #[schema(max_items = 200, nullable = false)]
    holders: Option<Vec<Holder>>,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "parent", of: "territory", find: find_territories },
    Reference { at: "holders/*/user", of: "user", find: auth::user::find_users },
];

intake::references! {
    NewTerritory: REFERENCES;
    TerritoryChanges: REFERENCES;
}

/// Filters for the list of territories.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TerritoryFilter {
    /// Territories directly below this one
    parent_id: Option<Uuid>,
    #[param(max_length = 40)]
    kind: Option<String>,
    #[param(max_length = 40)]
    code: Option<String>,
    /// Default: `name`
    #[param(inline)]
    sort: Option<TerritorySort>,
}

intake::references! {
    TerritoryFilter: &[Reference { at: "parent", of: "territory", find: find_territories }];
}

page! {
    /// A page of territories
    TerritoryPage of Territory
}

impl Territory {
    fn blank(id: Uuid, now: Timestamp) -> Self {
        Self { id, version: 1, created_at: now, updated_at: now, ..Self::default() }
    }

    fn with(&self, changes: &TerritoryChanges) -> Self {
        let mut after = self.detailed(&changes.details);
        set(&mut after.name, changes.name.as_ref());
        after
    }

    fn detailed(&self, changes: &TerritoryDetails) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => TerritoryDetails { code, parent_id, kind; holders });
        if let Some(holders) = &changes.holders {
            after.holders = Embedded(holders.clone());
            after.holders.0.sort_by_key(|holder| holder.valid_from);
        }
        after
    }

    /// Checks the rules that hold for every territory, imported ones included.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        if self.name.is_empty() {
            faults.push(Fault::new("/name", "required", "a territory must have a name"));
        }
        for (index, holder) in self.holders.0.iter().enumerate() {
            if holder.valid_to.is_some_and(|to| to <= holder.valid_from) {
                let at = format!("/holders/{index}/valid_to");
                faults.push(Fault::new(at, "range", "must be after `valid_from`"));
            }
        }
        faults
    }

    /// Checks the rule for entries by people: one holder at a time.
    fn overlaps(&self) -> Vec<Fault> {
        let pairs = self.holders.0.windows(2).enumerate();
        let wrong =
            pairs.filter(|(_, pair)| pair[0].valid_to.is_none_or(|to| to > pair[1].valid_from));
        let at = |index| format!("/holders/{index}/valid_to");
        let why = "overlaps the period of the next holder";
        wrong.map(|(index, _)| Fault::new(at(index), "overlap", why)).collect()
    }

    /// Checks the rule for imported data, which may have several holders at once: no person holds
    /// the territory twice at the same time.
    fn repeats(&self) -> Vec<Fault> {
        let holders = self.holders.0.iter().enumerate();
        let again = holders.filter(|(index, holder)| {
            let before = self.holders.0[..*index].iter();
            before
                .filter(|earlier| earlier.user_id == holder.user_id)
                .any(|earlier| earlier.valid_to.is_none_or(|to| to > holder.valid_from))
        });
        let at = |index| format!("/holders/{index}/valid_from");
        let why = "overlaps another period of the same person";
        again.map(|(index, _)| Fault::new(at(index), "overlap", why)).collect()
    }

    fn check(&self) -> Result<()> {
        let faults = [self.faults(), self.overlaps()].concat();
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_at_a_time() {
        let holder = |from: i8, to: Option<i8>| Holder {
            user_id: Uuid::nil(),
            valid_from: Date(jiff::civil::date(2026, 1, from)),
            valid_to: to.map(|to| Date(jiff::civil::date(2026, 1, to))),
        };
        let of = |holders: Vec<Holder>| {
            let details = TerritoryDetails { holders: Some(holders), ..Default::default() };
            let blank = Territory::blank(Uuid::nil(), Timestamp::default());
            let named = Territory { name: "East".into(), ..blank }.detailed(&details);
            let faults = [named.faults(), named.overlaps()].concat();
            faults.iter().map(|it| it.code.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of(vec![holder(10, None), holder(1, Some(10))]), [""; 0]);
        assert_eq!(of(vec![holder(9, None), holder(1, Some(10))]), ["overlap"]);
        assert_eq!(of(vec![holder(9, Some(9))]), ["range"]);
    }
}
