//! The sampling frame: the customers from which a sample is drawn, 抽样框.

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::{Conn, Result};
use schema::customers;
use uuid::Uuid;

use super::{Customer, CustomerStatus, Tier};

/// A filter of visible customers. Customers that were merged into another are left out.
#[derive(Debug, Default)]
pub struct SampleFilter {
    /// Default: all except `blacklisted`
    pub status: Option<Vec<CustomerStatus>>,
    pub tier: Option<Vec<Tier>>,
    pub region: Option<String>,
    pub owner_id: Option<Uuid>,
    pub territory_id: Option<Uuid>,
}

/// The fields of a customer that a sample needs.
#[derive(Debug, Clone, PartialEq, HasQuery)]
#[diesel(table_name = customers)]
pub struct SampledCustomer {
    pub id: Uuid,
    pub tier: Option<Tier>,
    pub region: Option<String>,
    pub owner_id: Option<Uuid>,
}

impl Customer {
    pub async fn frame(
        conn: &mut Conn,
        caller: &Caller,
        frame: &SampleFilter,
    ) -> Result<Vec<SampledCustomer>> {
        let open = customers::merged_into_id.is_null();
        let mut query =
            customers::table.filter(caller.sees::<Customer>()).filter(open).into_boxed();

        query = match &frame.status {
            Some(statuses) => query.filter(customers::status.eq_any(statuses)),
            None => query.filter(customers::status.ne(CustomerStatus::Blacklisted)),
        };
        platform::filter_by!(
            query,
            customers::tier.eq_any(&frame.tier),
            customers::region.eq(&frame.region),
            customers::owner_id.eq(frame.owner_id),
            customers::territory_id.eq(frame.territory_id),
        );
        Ok(query.select(SampledCustomer::as_select()).load(conn).await?)
    }
}

/// Returns the name of a customer. Without a visibility check: for callers who deal with the
/// customer anyway.
pub async fn name_of(conn: &mut Conn, id: Uuid) -> Result<String> {
    Ok(customers::table.find(id).select(customers::name).first(conn).await?)
}
