//! The company, 公司: a single row, with the settings that tune the business rules.

use access::Can;
use actix_web::web;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::tz::TimeZone;
use platform::changes::{self, HistoryPage};
use platform::position::CoordinateSystem;
use platform::{
    Change, Clock, Conn, Db, Embedded, Error, Fault, IfMatch, List, NoFilter, PageQuery, Patch,
    Problems, Reply, Resource, Result, Routes, Tagged, Timestamp, Tx, Write, resource, text_enum,
};
use schema::company;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::hooks::{self, Hooks};
use crate::setting::{Setting, Settings};
use crate::{ReadCompany, WriteCompany};

text_enum! {
    pub enum Language {
        Chinese = "zh-CN",
        English = "en",
    }
}

/// The company, 公司
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = company)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Company {
    pub id: Uuid,
    pub version: i64,
    #[schema(example = "示范贸易有限公司")]
    pub name: String,
    /// ISO 4217 code of the currency of sums and reports
    #[schema(example = "CNY")]
    pub currency: String,
    /// IANA time zone that business dates follow
    #[schema(example = "Asia/Shanghai")]
    pub time_zone: String,
    #[schema(inline)]
    pub language: Language,
    /// Coordinate system (坐标系) assumed for positions sent without one. Phones in China often use
    /// `gcj02`
    #[schema(inline)]
    pub coordinate_system: CoordinateSystem,
    /// Settings that differ from their defaults. `GET /company/settings` lists all settings
    #[schema(value_type = Object)]
    pub settings: Embedded<Settings>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! { Company: "company" at "/api/v1/company", seen by everybody }

/// A merge patch. Absent fields keep their value; a setting that is `null` returns to its default.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "name": "示范贸易有限公司", "settings": { "dormant_after_days": 90 } }))]
pub struct CompanyChanges {
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    /// Can be changed only while there are no orders, targets or credit limits, because amounts are
    /// not converted
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<String>,
    #[schema(min_length = 1, max_length = 60, nullable = false)]
    time_zone: Option<String>,
    #[schema(inline, nullable = false)]
    language: Option<Language>,
    /// Applies to positions sent from now on. Stored positions are not converted
    #[schema(inline, nullable = false)]
    coordinate_system: Option<CoordinateSystem>,
    #[schema(value_type = Option<Object>, nullable = false)]
    settings: Option<Map<String, Value>>,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, read_company, update_company, list_settings, list_company_history);
}

/// Read the company
///
/// Returns the company. Reports use its currency, and business dates its time zone.
#[utoipa::path(
    get, path = "/company",
    responses((status = 200, description = "The company", body = Company), Problems),
)]
async fn read_company(_: Can<ReadCompany>, db: Db) -> Result<Tagged<Company>> {
    Ok(Tagged(Company::load(&mut *db.conn().await?).await?))
}

/// Update the company
///
/// The currency can be changed only while there are no orders, targets or credit limits; otherwise
/// the request is refused as 409 `currency_in_use`.
#[utoipa::path(
    patch, path = "/company",
    request_body(content = CompanyChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The company", body = Company), Problems),
)]
async fn update_company(
    _: Can<WriteCompany>,
    based_on: IfMatch,
    changes: Patch<CompanyChanges>,
    clock: web::Data<Clock>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Company::update(tx, based_on, &changes, &clock).await).await
}

/// List settings
///
/// Returns every setting with its value, its default and its bounds.
#[utoipa::path(
    get, path = "/company/settings",
    responses((status = 200, description = "All settings", body = Vec<Setting>), Problems),
)]
async fn list_settings(_: Can<ReadCompany>, db: Db) -> Result<web::Json<Vec<Setting>>> {
    Ok(web::Json(Company::load(&mut *db.conn().await?).await?.settings.0.list()))
}

/// List the history of the company
///
/// Returns the changes of the company and its settings, latest first.
#[utoipa::path(
    get, path = "/company/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_company_history(
    _: Can<ReadCompany>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let company = Company::load(&mut conn).await?;
    changes::history(&mut conn, &company, &list).await
}

impl Company {
    /// Returns the company. There is exactly one per database.
    pub async fn load(conn: &mut Conn) -> Result<Self> {
        Ok(Self::query().first(conn).await?)
    }

    /// Creates the company and its known holidays on the first start, and sets the time zone and
    /// the currency of the clock.
    pub async fn ensure(db: &Db, clock: &Clock) -> Result<()> {
        let there = Self::query().first(&mut *db.conn().await?).await.optional()?;
        let company: Self = match there {
            Some(company) => company,
            None => Tx::run(db, clock, Uuid::nil(), Self::first).await?,
        };
        clock.set_zone(TimeZone::get(&company.time_zone).map_err(Error::internal)?);
        clock.set_currency(&company.currency);
        Ok(())
    }

    async fn first(tx: &mut Tx) -> Result<Self> {
        let company = Self {
            id: Uuid::now_v7(),
            version: 1,
            name: "我的公司".into(),
            currency: "CNY".into(),
            time_zone: "Asia/Shanghai".into(),
            language: Language::Chinese,
            coordinate_system: CoordinateSystem::Wgs84,
            settings: Embedded::default(),
            created_at: tx.now,
            updated_at: tx.now,
        };
        let insert = diesel::insert_into(company::table).values(&company).on_conflict_do_nothing();

        // Another instance may have created it first.
        if insert.execute(tx.conn()).await? == 0 {
            return Self::load(tx.conn()).await;
        }

        tx.record(Change::created(&company)).await?;
        crate::holiday::seed(tx).await?;
        Ok(company)
    }

    async fn update(
        tx: &mut Tx,
        based_on: IfMatch,
        changes: &Patch<CompanyChanges>,
        clock: &Clock,
    ) -> Result<Self> {
        let row = company::table.select(Self::as_select()).for_update();
        let before: Self = row.first(tx.conn()).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        let after = before.next(before.with(changes)?, tx.now);

        if after != before {
            if after.currency != before.currency {
                check_nothing_is_counted(tx).await?;
            }
            diesel::update(company::table).set(&after).execute(tx.conn()).await?;
            tx.record(Change::updated(&before, &after)).await?;
            if (&after.time_zone, &after.settings) != (&before.time_zone, &before.settings) {
                hooks::calendar_changed(tx).await?;
            }
        }

        // Other instances notice the change when they poll the user directory.
        clock.set_zone(TimeZone::get(&after.time_zone).map_err(Error::internal)?);
        clock.set_currency(&after.currency);
        Ok(after)
    }

    fn with(&self, changes: &CompanyChanges) -> Result<Self> {
        let (mut after, mut faults) = (self.clone(), vec![]);
        platform::patch!(after, changes => CompanyChanges {
            name, currency, time_zone, language, coordinate_system; settings
        });

        if TimeZone::get(&after.time_zone).is_err() {
            faults.push(Fault::new("/time_zone", "unknown_value", "unknown IANA time zone"));
        }
        if let Some(settings) = &changes.settings {
            match self.settings.0.with(settings) {
                Ok(settings) => after.settings = Embedded(settings),
                Err(wrong) => faults.extend(wrong.into_iter().map(|(name, code)| {
                    let pointer = format!("/settings/{name}");
                    Fault::new(pointer, code, "invalid setting; see `GET /company/settings`")
                })),
            }
        }

        if faults.is_empty() { Ok(after) } else { Err(Error::invalid(faults)) }
    }
}

/// Refuses to change the currency while amounts are stored in it. They would not be converted.
async fn check_nothing_is_counted(tx: &mut Tx) -> Result<()> {
    for uses_currency in tx.extension::<Hooks>()?.uses_currency {
        if uses_currency(tx).await? {
            let detail = "Orders, targets or credit limits already use the company's currency.";
            return Err(Error::conflict("currency_in_use", detail));
        }
    }
    Ok(())
}
