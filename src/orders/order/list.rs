//! Lists of orders with their filters and sort orders.

use access::Caller;
use customers::customer::named_like;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::parameters;
use platform::narrow::beginning;
use platform::{Conn, Date, List, Result, Timestamp};
use schema::{order_lines, orders};

use super::{Order, OrderFilter, OrderPage, OrderSort};

fn matching<'a>(caller: &'a Caller, filter: &'a OrderFilter) -> orders::BoxedQuery<'a, Pg> {
    let mut query = orders::table.filter(caller.sees::<Order>()).into_boxed();
    if let Some(customer) = filter.customer_id {
        query = query.filter(orders::customer_id.eq(customer));
    }
    if let Some(person) = filter.salesperson_id {
        query = query.filter(orders::credited.contains(vec![person]));
    }
    if let Some(team) = filter.team_id {
        query = query.filter(orders::team_path.contains(vec![team]));
    }
    if let Some(territory) = filter.territory_id {
        query = query.filter(orders::territory_id.eq(territory));
    }
    if let Some(product) = filter.product_id {
        let lines = order_lines::table.filter(order_lines::product_id.eq(product));
        query = query.filter(orders::id.eq_any(lines.select(order_lines::order_id)));
    }
    platform::filter_by!(
        query,
        orders::status.eq_any(&filter.status),
        orders::channel.eq(&filter.channel),
    );

    if let Some(text) = &filter.q {
        // Only names of visible customers are searched: a hit would disclose the name of any other.
        let named = orders::customer_id.eq_any(named_like(caller, text));
        let number = orders::number.like(beginning(text));
        let upper = orders::number.like(beginning(&text.to_uppercase()));
        query = query.filter(number.or(upper).or(named));
    }

    platform::filter_by!(
        query,
        orders::number.eq(&filter.number),
        orders::order_date.ge(filter.order_date_from),
        orders::order_date.lt(filter.order_date_to),
    );
    query
}

impl Order {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<OrderFilter>,
    ) -> Result<OrderPage> {
        use OrderSort::{
            ByNumber, ByNumberDown, LatestChange, LatestFirst, NewestFirst, OldestChange,
            OldestFirst,
        };
        use orders::{created_at, id, number, order_date, updated_at};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let sort = filter.sort.unwrap_or(LatestFirst);
        let query = listed().limit(list.fetch());
        let query = match sort {
            LatestFirst => query
                .filter(list.before::<Date, _, _>(order_date, id)?)
                .order((order_date.desc(), id.desc())),
            OldestFirst => {
                query.filter(list.after::<Date, _, _>(order_date, id)?).order((order_date, id))
            }
            NewestFirst => query
                .filter(list.before::<Timestamp, _, _>(created_at, id)?)
                .order((created_at.desc(), id.desc())),
            LatestChange => query
                .filter(list.before::<Timestamp, _, _>(updated_at, id)?)
                .order((updated_at.desc(), id.desc())),
            OldestChange => {
                query.filter(list.after::<Timestamp, _, _>(updated_at, id)?).order((updated_at, id))
            }
            ByNumber => query.filter(list.after::<String, _, _>(number, id)?).order((number, id)),
            ByNumberDown => query
                .filter(list.before::<String, _, _>(number, id)?)
                .order((number.desc(), id.desc())),
        };
        let rows: Vec<Self> = query.select(Self::as_select()).load(conn).await?;

        match sort {
            LatestFirst | OldestFirst => {
                list.page(rows, total, |order: &Self| (order.order_date, order.id))
            }
            NewestFirst => list.page(rows, total, |order: &Self| (order.created_at, order.id)),
            LatestChange | OldestChange => {
                list.page(rows, total, |order: &Self| (order.updated_at, order.id))
            }
            ByNumber | ByNumberDown => {
                list.page(rows, total, |order: &Self| (order.number.clone(), order.id))
            }
        }
    }
}
