//! Possible duplicates of customers: candidates for a merge, with the reasons.

use access::Caller;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Conn, List, NoFilter, Result, page, text_enum};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Customer, load};

text_enum! {
    /// A reason to suspect that two customers are duplicates
    pub enum DuplicateReason {
        /// The names are the same, ignoring case, width, spaces, punctuation and legal form
        Name = "same_name",
        /// A phone number has the same digits
        Phone = "same_phone",
        /// City and address are the same, ignoring case, width and spaces; only for addresses of at
        /// least five characters
        Address = "same_address",
        /// Contacts of both have the same phone number or e-mail address
        Contact = "same_contact",
    }
}

/// Two customers that may be duplicates, 疑似重复客户
#[derive(Debug, Serialize, ToSchema)]
pub struct DuplicateCandidate {
    /// The customer that was added first
    /// The customer that was added first
    pub customer: Customer,
    /// The customer that was added later
    pub duplicate: Customer,
    #[schema(inline)]
    pub reasons: Vec<DuplicateReason>,
}

page! {
    /// A page of possible duplicates, oldest customers first
    DuplicatePage of DuplicateCandidate
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = SqlUuid)]
    one: Uuid,
    #[diesel(sql_type = SqlUuid)]
    other: Uuid,
    #[diesel(sql_type = Array<Text>)]
    reasons: Vec<String>,
}

/// The query for pairs. It ignores addresses of fewer than five characters, which name only a town.
const PAIRS: &str = "
    with seen as materialized (
        select id, name_key, phones, coalesce(address, '') as address,
            lower(regexp_replace(normalize(coalesce(city, '') || coalesce(address, ''), nfkc),
                '\\s', '', 'g')) as place
        from customers where merged_into_id is null and {visible}
    ),
    reach as (
        select distinct customer_id as id, value from contacts join seen on seen.id = customer_id,
            unnest(addresses) as value
    ),
    claims as (
        select id, 'same_name' as reason, name_key as value from seen where name_key <> ''
        union all
        select id, 'same_phone', unnest(phones) from seen
        union all
        select id, 'same_address', place from seen where length(address) >= 5
        union all
        select id, 'same_contact', value from reach
    ),
    -- Each with the first one of its kind: all pairs of a thousand with one phone number would be
    -- half a million.
    pairs as (
        select first_value(id) over (partition by reason, value order by id) as one,
            id as other, reason
        from claims
    )
    select one, other, array_agg(distinct reason) as reasons from pairs
    where one <> other and (one, other) > ($1, $2) group by one, other order by one, other limit $3";

impl DuplicateCandidate {
    /// Returns pairs in which both customers are visible to the caller.
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<NoFilter>,
    ) -> Result<DuplicatePage> {
        let mut reach = vec![];
        let visible = caller.sees::<Customer>().sql(|ids| {
            reach = ids.to_vec();
            "$4".to_owned()
        });
        let visible = visible.unwrap_or_else(|| "$4::uuid[] is not null".to_owned());
        let (one, other) = list.position::<(Uuid, Uuid)>()?.unwrap_or_default();

        let pairs: Vec<Pair> = diesel::sql_query(PAIRS.replace("{visible}", &visible))
            .bind::<SqlUuid, _>(one)
            .bind::<SqlUuid, _>(other)
            .bind::<BigInt, _>(list.fetch())
            .bind::<Array<SqlUuid>, _>(reach)
            .load(conn)
            .await?;

        let customers = load(conn, pairs.iter().flat_map(|pair| [pair.one, pair.other])).await?;
        let candidate = |pair: &Pair| {
            let reasons = DuplicateReason::ALL.iter().copied();
            Some(Self {
                customer: customers.get(&pair.one)?.clone(),
                duplicate: customers.get(&pair.other)?.clone(),
                reasons: reasons
                    .filter(|reason| pair.reasons.iter().any(|r| r == reason.as_str()))
                    .collect(),
            })
        };
        let rows = pairs.iter().filter_map(candidate).collect();
        list.page(rows, None, |pair: &Self| (pair.customer.id, pair.duplicate.id))
    }
}
