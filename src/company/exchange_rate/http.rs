//! The operations on exchange rates.

use access::Can;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, Json, List, NoFilter, PageQuery, Patch, Path, Problems, Reply, Result, Routes,
    Tagged, Write,
};
use uuid::Uuid;

use super::batch::ExchangeRateBatch;
use super::{
    ExchangeRate, ExchangeRateChanges, ExchangeRateFilter, ExchangeRatePage, NewExchangeRate,
};
use crate::{ImportExchangeRates, ReadCompany, WriteExchangeRates};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_exchange_rates,
        create_exchange_rate,
        import_exchange_rates,
        read_exchange_rate,
        update_exchange_rate,
        delete_exchange_rate,
        list_exchange_rate_history,
    );
}

/// List exchange rates
///
/// Returns exchange rates, latest first. A rate applies from its day on, until a later one for the
/// same pair.
#[utoipa::path(
    get, path = "/exchange-rates",
    params(ExchangeRateFilter, PageQuery),
    responses((status = 200, description = "A page of exchange rates", body = ExchangeRatePage),
        Problems),
)]
async fn list_exchange_rates(
    _: Can<ReadCompany>,
    list: List<ExchangeRateFilter>,
    db: Db,
) -> Result<ExchangeRatePage> {
    ExchangeRate::list(&mut *db.conn().await?, &list).await
}

access::create! {
    /// Create an exchange rate
    ///
    /// There is one rate per pair of currencies and day.
    create_exchange_rate: "/exchange-rates", WriteExchangeRates, Json<NewExchangeRate>
    -> ExchangeRate, "The new exchange rate",
    409: "`duplicate`"
}

intake::import! {
    /// Import exchange rates from an ERP
    ///
    /// Creates new rates and updates those that differ.
    import_exchange_rates: "/exchange-rates/batch", ImportExchangeRates,
    ExchangeRate from ExchangeRateBatch
}

/// Read an exchange rate
///
/// Returns the exchange rate. Every user can read it.
#[utoipa::path(
    get, path = "/exchange-rates/{id}",
    responses((status = 200, description = "The exchange rate", body = ExchangeRate), Problems),
)]
async fn read_exchange_rate(
    _: Can<ReadCompany>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<ExchangeRate>> {
    Ok(Tagged(ExchangeRate::find(&mut *db.conn().await?, *id).await?))
}

/// Update an exchange rate
///
/// Only the rate can be changed. For another pair or day, create another exchange rate.
#[utoipa::path(
    patch, path = "/exchange-rates/{id}",
    request_body(content = ExchangeRateChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The exchange rate", body = ExchangeRate), Problems),
)]
async fn update_exchange_rate(
    _: Can<WriteExchangeRates>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Patch<ExchangeRateChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| ExchangeRate::update(tx, *id, based_on, &changes).await).await
}

/// Delete an exchange rate
///
/// Amounts that were converted at this rate do not change.
#[utoipa::path(
    delete, path = "/exchange-rates/{id}",
    responses((status = 204, description = "Deleted"), Problems),
)]
async fn delete_exchange_rate(
    _: Can<WriteExchangeRates>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| ExchangeRate::delete(tx, *id, based_on).await).await
}

/// List the history of an exchange rate
///
/// Returns the changes of the exchange rate, latest first.
#[utoipa::path(
    get, path = "/exchange-rates/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_exchange_rate_history(
    _: Can<ReadCompany>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let rate = ExchangeRate::find(&mut conn, *id).await?;
    changes::history(&mut conn, &rate, &list).await
}
