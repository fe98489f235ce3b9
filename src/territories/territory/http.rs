//! The operations on territories.

use intake::Body;
use platform::Routes;

use super::batch::TerritoryBatch;
use super::{NewTerritory, Territory, TerritoryChanges, TerritoryFilter, TerritoryPage};
use crate::{ImportTerritories, ReadTerritories, WriteTerritories};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_territories,
        create_territory,
        import_territories,
        read_territory,
        update_territory,
        delete_territory,
        list_territory_history,
    );
}

access::list! {
    /// List territories
    ///
    /// Returns all territories. Every user can read them.
    list_territories: "/territories", ReadTerritories, Territory by TerritoryFilter
    -> TerritoryPage,
    "A page of territories"
}

access::create! {
    /// Create a territory
    ///
    /// A territory has one holder at a time.
    create_territory: "/territories", WriteTerritories, Body<NewTerritory>
    -> Territory, "The new territory",
    403: "`foreign_source_system`",
    409: "`duplicate`"
}

intake::import! {
    /// Import territories from an ERP
    ///
    /// Creates new territories and updates those that differ. Parents and children can be sent in any
    /// sequence.
    import_territories: "/territories/batch", ImportTerritories, Territory from TerritoryBatch
}

access::read! {
    /// Read a territory
    ///
    /// Returns the territory with its past, present and future holders.
    read_territory: "/territories/{id}", ReadTerritories -> Territory, "The territory"
}

access::update! {
    /// Update a territory
    ///
    /// The holders are replaced as a whole. A territory cannot be its own parent, directly or through
    /// others.
    update_territory: "/territories/{id}", WriteTerritories, Body<TerritoryChanges>
    -> Territory, "The territory",
    409: "`duplicate`"
}

access::delete! {
    /// Delete a territory
    ///
    /// A territory that is referenced elsewhere cannot be deleted (409 `still_referenced`).
    delete_territory: "/territories/{id}", WriteTerritories, Territory, "Deleted"
}

access::history! {
    /// List the history of a territory
    ///
    /// Returns the changes of the territory, latest first.
    list_territory_history: "/territories/{id}/history", ReadTerritories, Territory
}
