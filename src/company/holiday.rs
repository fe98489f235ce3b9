//! Holidays and make-up days, 节假日与调休. The days of the known years are part of the service
//! (`holidays.csv`, from the notices of the State Council 国务院办公厅) and can be changed.

use access::Can;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::HasReferences;
use platform::changes::{self, HistoryPage};
use platform::{
    Change, Conn, Date, Db, Error, IfMatch, Json, List, NoFilter, PageQuery, Patch, Path, Problems,
    Reply, Resource, Result, Routes, Tagged, Timestamp, Tx, Write, page, resource, text_enum,
};
use schema::holidays;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{ReadCompany, WriteHolidays, hooks};

text_enum! {
    pub enum HolidayKind {
        /// A weekday off
        Holiday = "holiday",
        /// A make-up day: a day of a weekend that is worked, 调休
        Working = "working",
    }
}

/// A holiday or make-up day, 节假日
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Holiday {
    pub id: Uuid,
    pub version: i64,
    pub date: Date,
    #[schema(inline)]
    pub kind: HolidayKind,
    #[schema(example = "春节")]
    pub name: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! { Holiday: "holiday" at "/api/v1/holidays", seen by everybody }

#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "date": "2027-02-08", "kind": "holiday", "name": "春节" }))]
pub struct NewHoliday {
    date: Date,
    #[schema(inline)]
    kind: HolidayKind,
    #[schema(min_length = 1, max_length = 60)]
    name: String,
}

/// A merge patch. Absent fields keep their value.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "kind": "working" }))]
pub struct HolidayChanges {
    #[schema(inline, nullable = false)]
    kind: Option<HolidayKind>,
    #[schema(min_length = 1, max_length = 60, nullable = false)]
    name: Option<String>,
}

/// Filters for the list of holidays.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HolidayFilter {
    date_from: Option<Date>,
    /// Exclusive
    date_to: Option<Date>,
    #[param(inline)]
    kind: Option<HolidayKind>,
}

impl HasReferences for HolidayFilter {}

page! {
    /// A page of holidays
    HolidayPage of Holiday
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_holidays,
        create_holiday,
        read_holiday,
        update_holiday,
        delete_holiday,
        list_holiday_history,
    );
}

/// List holidays
///
/// Returns weekdays off and make-up days (调休), by date.
#[utoipa::path(
    get, path = "/holidays",
    params(HolidayFilter, PageQuery),
    responses((status = 200, description = "A page of holidays", body = HolidayPage), Problems),
)]
async fn list_holidays(
    _: Can<ReadCompany>,
    list: List<HolidayFilter>,
    db: Db,
) -> Result<HolidayPage> {
    Holiday::list(&mut *db.conn().await?, &list).await
}

/// Create a holiday or make-up day
///
/// There is one entry per date.
#[utoipa::path(
    post, path = "/holidays",
    request_body = NewHoliday,
    responses(
        (status = 201, description = "The new day", body = Holiday),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn create_holiday(
    _: Can<WriteHolidays>,
    new: Json<NewHoliday>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Holiday::create(tx, &new).await).await
}

/// Read a holiday
///
/// Returns the holiday or make-up day. Every user can read it.
#[utoipa::path(
    get, path = "/holidays/{id}",
    responses((status = 200, description = "The day", body = Holiday), Problems),
)]
async fn read_holiday(_: Can<ReadCompany>, id: Path<Uuid>, db: Db) -> Result<Tagged<Holiday>> {
    Ok(Tagged(Holiday::find(&mut *db.conn().await?, *id).await?))
}

/// Update a holiday
///
/// The kind and the name can be changed. For another date, create another holiday.
#[utoipa::path(
    patch, path = "/holidays/{id}",
    request_body(content = HolidayChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The day", body = Holiday), Problems),
)]
async fn update_holiday(
    _: Can<WriteHolidays>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Patch<HolidayChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Holiday::update(tx, *id, based_on, &changes).await).await
}

/// Delete a holiday
///
/// The day follows its weekday again.
#[utoipa::path(
    delete, path = "/holidays/{id}",
    responses((status = 204, description = "Deleted"), Problems),
)]
async fn delete_holiday(
    _: Can<WriteHolidays>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Holiday::delete(tx, *id, based_on).await).await
}

/// List the history of a holiday
///
/// Returns the changes of the holiday, latest first.
#[utoipa::path(
    get, path = "/holidays/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_holiday_history(
    _: Can<ReadCompany>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let holiday = Holiday::find(&mut conn, *id).await?;
    changes::history(&mut conn, &holiday, &list).await
}

impl Holiday {
    async fn list(conn: &mut Conn, list: &List<HolidayFilter>) -> Result<HolidayPage> {
        let filter = list.as_sent();
        let matching = || {
            let mut query = holidays::table.into_boxed();
            query = query.filter(list.rows(holidays::id, holidays::updated_at));
            platform::filter_by!(
                query,
                holidays::date.ge(filter.date_from),
                holidays::date.lt(filter.date_to),
                holidays::kind.eq(filter.kind),
            );
            query
        };

        let total =
            if list.counted { Some(matching().count().get_result(conn).await?) } else { None };

        let rows = matching()
            .filter(list.after::<Date, _, _>(holidays::date, holidays::id)?)
            .order((holidays::date, holidays::id))
            .select(Self::as_select())
            .limit(list.fetch());

        list.page(rows.load(conn).await?, total, |holiday: &Self| (holiday.date, holiday.id))
    }

    async fn find(conn: &mut Conn, id: Uuid) -> Result<Self> {
        Ok(Self::query().filter(holidays::id.eq(id)).first(conn).await?)
    }

    async fn create(tx: &mut Tx, new: &NewHoliday) -> Result<Self> {
        let holiday = Self {
            id: Uuid::now_v7(),
            version: 1,
            date: new.date,
            kind: new.kind,
            name: new.name.clone(),
            created_at: tx.now,
            updated_at: tx.now,
        };

        let insert = diesel::insert_into(holidays::table).values(&holiday);
        insert.execute(tx.conn()).await.map_err(|error| {
            Error::from(error).on_constraint("holidays_date_key", "/date", "duplicate")
        })?;

        tx.record(Change::created(&holiday)).await?;
        hooks::calendar_changed(tx).await?;
        Ok(holiday)
    }

    async fn find_for_update(tx: &mut Tx, id: Uuid) -> Result<Self> {
        let row = holidays::table.find(id).select(Self::as_select()).for_update();
        Ok(row.first(tx.conn()).await?)
    }

    async fn update(
        tx: &mut Tx,
        id: Uuid,
        based_on: IfMatch,
        changes: &Patch<HolidayChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;

        let mut after = before.clone();
        platform::patch!(after, **changes => HolidayChanges { kind, name });
        let after = before.next(after, tx.now);

        if after != before {
            diesel::update(holidays::table.find(id)).set(&after).execute(tx.conn()).await?;
            tx.record(Change::updated(&before, &after)).await?;
            hooks::calendar_changed(tx).await?;
        }
        Ok(after)
    }

    async fn delete(tx: &mut Tx, id: Uuid, based_on: IfMatch) -> Result<()> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, &[]).await?;
        diesel::delete(holidays::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await?;
        hooks::calendar_changed(tx).await
    }
}

/// Returns the holidays that are part of the service.
pub(crate) fn known() -> impl Iterator<Item = (Date, HolidayKind, &'static str)> {
    include_str!("holidays.csv").lines().skip(1).flat_map(|line| {
        let fields: Vec<&'static str> = line.split(',').collect();
        let [from, to, kind, name] = fields[..] else { unreachable!("holidays.csv: {line}") };
        let day = |text: &str| text.parse::<jiff::civil::Date>().expect("a date of holidays.csv");
        let kind = if kind == "working" { HolidayKind::Working } else { HolidayKind::Holiday };
        let last = day(to);
        let days = day(from).series(jiff::Span::new().days(1)).take_while(move |day| *day <= last);
        days.map(move |day| (Date(day), kind, name))
    })
}

/// Inserts the known holidays. Called once, when the company is created.
pub(crate) async fn seed(tx: &mut Tx) -> Result<()> {
    let now = tx.now;
    let day = |(date, kind, name): (Date, HolidayKind, &str)| Holiday {
        id: Uuid::now_v7(),
        version: 1,
        date,
        kind,
        name: name.into(),
        created_at: now,
        updated_at: now,
    };

    let days: Vec<Holiday> = known().map(day).collect();
    diesel::insert_into(holidays::table).values(&days).execute(tx.conn()).await?;
    let records = days.iter().map(Change::created).collect::<Result<Vec<_>>>()?;
    tx.record_all(&records).await
}
