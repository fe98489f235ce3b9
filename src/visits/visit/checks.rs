//! Rows of check-ins and check-outs. A check-in is open while the person is at the visit; a unique
//! key allows only one open check-in per person.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::position::CoordinateSystem;
use platform::{Error, Result, Timestamp, Tx};
use schema::visit_checks;
use uuid::Uuid;

use super::{CheckKind, GeoStatus, VisitCheck};

/// A row of `visit_checks`.
#[derive(Insertable)]
#[diesel(table_name = visit_checks, treat_none_as_default_value = false)]
pub struct Check {
    visit_id: Uuid,
    user_id: Uuid,
    kind: CheckKind,
    open: bool,
    occurred_at: Timestamp,
    received_at: Timestamp,
    latitude: Option<f64>,
    longitude: Option<f64>,
    sent_coordinate_system: Option<CoordinateSystem>,
    sent_latitude: Option<f64>,
    sent_longitude: Option<f64>,
    accuracy_m: Option<f64>,
    fix_age_s: Option<f64>,
    mock: bool,
    photo_id: Option<Uuid>,
    distance_m: Option<i32>,
    geo_status: GeoStatus,
    offline_delay_s: i32,
    overlapping: bool,
}

impl Check {
    pub fn of(visit_id: Uuid, check: &VisitCheck, open: bool) -> Self {
        Self {
            visit_id,
            user_id: check.user_id,
            kind: check.kind,
            open,
            occurred_at: check.occurred_at,
            received_at: check.received_at,
            latitude: check.latitude,
            longitude: check.longitude,
            sent_coordinate_system: check.sent_coordinate_system,
            sent_latitude: check.sent_latitude,
            sent_longitude: check.sent_longitude,
            accuracy_m: check.accuracy_m,
            fix_age_s: check.fix_age_s,
            mock: check.mock,
            photo_id: check.photo_id,
            distance_m: check.distance_m,
            geo_status: check.geo_status,
            offline_delay_s: check.offline_delay_s,
            overlapping: check.overlapping,
        }
    }

    /// Inserts a check-in or check-out. `stays` leaves a check-in open; a check-out first closes
    /// the check-in of the person, who may then check in elsewhere.
    pub async fn insert(tx: &mut Tx, visit: Uuid, check: &VisitCheck, stays: bool) -> Result<()> {
        if check.kind == CheckKind::CheckOut {
            Self::close(tx, visit, &[check.user_id]).await?;
        }
        let row = Self::of(visit, check, stays);
        let insert = diesel::insert_into(visit_checks::table).values(row).on_conflict_do_nothing();
        if insert.execute(tx.conn()).await? == 1 {
            return Ok(());
        }

        // A later statement sees the row that another transaction has just committed.
        let open = visit_checks::table.filter(visit_checks::user_id.eq(check.user_id));
        let open = open.filter(visit_checks::open).select(visit_checks::visit_id);
        let other: Option<Uuid> = open.first(tx.conn()).await.optional()?;
        Err(other.map_or_else(|| Error::unavailable("busy"), in_progress))
    }

    /// Closes the check-ins of these people, who may then check in elsewhere.
    pub async fn close(tx: &mut Tx, visit: Uuid, users: &[Uuid]) -> Result<()> {
        if users.is_empty() {
            return Ok(());
        }
        let theirs = visit_checks::table.filter(visit_checks::visit_id.eq(visit));
        let theirs = theirs.filter(visit_checks::user_id.eq_any(users));
        let update = diesel::update(theirs).set(visit_checks::open.eq(false));
        update.execute(tx.conn()).await?;
        Ok(())
    }

    /// Closes the check-ins of all people at visits that are over.
    pub async fn close_all(tx: &mut Tx, visits: &[Uuid]) -> Result<()> {
        let all = visit_checks::visit_id.eq_any(visits).and(visit_checks::open);
        let update = diesel::update(visit_checks::table.filter(all));
        update.set(visit_checks::open.eq(false)).execute(tx.conn()).await?;
        Ok(())
    }
}

fn in_progress(visit: Uuid) -> Error {
    let detail = format!(
        "You are still checked in to the visit {visit}. Check out of it or abandon it first."
    );
    Error::conflict("visit_in_progress", detail).member("visit_id", visit.to_string())
}
