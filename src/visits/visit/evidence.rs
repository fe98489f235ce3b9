//! Evidence of a check-in or check-out: the position that a phone sent, and how far to trust it.

use jiff::SignedDuration;
use platform::position::CoordinateSystem;
use platform::{Fault, Timestamp};
use uuid::Uuid;

use super::geo::{Place, PositionFix, distance_m, judge};
use super::rules::AHEAD;
use super::{CheckIn, CheckKind, GeoStatus, Visit, VisitCheck};

/// Circumstances by which a check is judged, besides the request itself.
pub(super) struct CheckContext {
    pub received_at: Timestamp,
    pub customer: Option<Place>,
    pub radius_m: i64,
    /// Coordinate system of positions that name none
    pub system: CoordinateSystem,
}

impl CheckIn {
    pub(super) fn faults(&self, now: Timestamp, oldest: SignedDuration) -> Vec<Fault> {
        let mut faults = self.place_faults();
        if self.occurred_at.0 > now.0 + AHEAD {
            let why = "must not be more than two minutes in the future";
            faults.push(Fault::new("/occurred_at", "in_future", why));
        } else if self.occurred_at.0 < now.0 - oldest {
            let why = format!("must not be more than {} days ago", oldest.as_hours() / 24);
            faults.push(Fault::new("/occurred_at", "too_old", why));
        }
        faults
    }

    pub(super) fn place_faults(&self) -> Vec<Fault> {
        if self.latitude.is_some() == self.longitude.is_some() {
            return vec![];
        }
        let pointer = if self.latitude.is_some() { "/longitude" } else { "/latitude" };
        vec![Fault::new(pointer, "required", "`latitude` and `longitude` must be sent together")]
    }

    /// Returns the check to record for this request.
    pub(super) fn check(
        &self,
        visit: &Visit,
        user_id: Uuid,
        kind: CheckKind,
        CheckContext { received_at, customer, radius_m, system }: CheckContext,
    ) -> VisitCheck {
        let system = self.coordinate_system.unwrap_or(system);
        let sent = self.latitude.zip(self.longitude);
        let place = sent.map(|sent| system.to_wgs84(sent));
        let (accuracy_m, mock) = (self.accuracy_m, self.mock.unwrap_or_default());
        let fix = PositionFix { place, accuracy_m, age_s: self.fix_age_s, mock };

        #[allow(clippy::cast_precision_loss, reason = "some metres")]
        let judged = judge(fix, customer, radius_m as f64);
        #[allow(clippy::cast_possible_truncation, reason = "at most half the earth")]
        let distance_m = place.zip(customer).map(|(a, b)| distance_m(a, b).round() as i32);
        let delay = (received_at.0 - self.occurred_at.0).get_seconds().max(0);

        VisitCheck {
            user_id,
            kind,
            occurred_at: self.occurred_at,
            received_at,
            latitude: place.map(|place| place.0),
            longitude: place.map(|place| place.1),
            sent_coordinate_system: sent.map(|_| system),
            sent_latitude: sent.map(|sent| sent.0),
            sent_longitude: sent.map(|sent| sent.1),
            accuracy_m,
            fix_age_s: self.fix_age_s,
            mock,
            photo_id: self.photo_id,
            distance_m,
            geo_status: if visit.remote { GeoStatus::Remote } else { judged },
            offline_delay_s: i32::try_from(delay).unwrap_or(i32::MAX),
            overlapping: false,
        }
    }
}
