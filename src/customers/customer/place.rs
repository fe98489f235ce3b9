//! The position of a customer: in WGS 84 for calculations, and as it was sent.

use company::Company;
use platform::position::{CoordinateSystem, Position};
use platform::{Conn, Result};

use super::{Customer, CustomerDetails};

impl CustomerDetails {
    /// Checks whether a position was sent without its coordinate system, which is then the
    /// company's.
    fn needs_system(&self) -> bool {
        self.coordinate_system.is_none() && (self.latitude.is_some() || self.longitude.is_some())
    }
}

/// Returns the coordinate system for positions that were sent without one. Reads the company only
/// if one of the changes needs it.
pub(super) async fn default_system<'a>(
    conn: &mut Conn,
    changes: impl IntoIterator<Item = &'a CustomerDetails>,
) -> Result<CoordinateSystem> {
    if changes.into_iter().any(CustomerDetails::needs_system) {
        return Ok(Company::load(conn).await?.coordinate_system);
    }
    Ok(CoordinateSystem::Wgs84)
}

/// Checks whether two positions are equal, with a tolerance, because the last digit of a number may
/// change on its way through JSON.
fn is_same(one: Position, other: Position) -> bool {
    const EXACT: f64 = 1e-9;
    (one.0 - other.0).abs() < EXACT && (one.1 - other.1).abs() < EXACT
}

impl Customer {
    /// Applies changes of the position. Coordinates that are left out stay as they were sent.
    pub(super) fn locate(&mut self, changes: &CustomerDetails, default: CoordinateSystem) {
        let CustomerDetails { latitude, longitude, coordinate_system: named, .. } = changes;
        let whole = latitude.zip(*longitude);
        let here = self.latitude.zip(self.longitude);
        let sent = whole.and_then(|(latitude, longitude)| latitude.zip(longitude));
        let read_before = here.zip(sent).is_some_and(|(here, sent)| is_same(here, sent));
        let silent = latitude.is_none() && longitude.is_none();
        // A client that sends back what it has read sends WGS 84, even if the company's default is
        // another system. Converting it would move the customer.
        if named.is_none() && (silent || read_before) {
            return;
        }

        let latitude = latitude.unwrap_or(self.sent_latitude);
        let longitude = longitude.unwrap_or(self.sent_longitude);
        let before = self.sent_coordinate_system.filter(|_| whole.is_none());
        let system = named.or(before).unwrap_or(default);
        let somewhere = latitude.is_some() || longitude.is_some();
        self.sent_coordinate_system = somewhere.then_some(system);
        (self.sent_latitude, self.sent_longitude) = (latitude, longitude);
        (self.latitude, self.longitude) = match latitude.zip(longitude) {
            Some(position) => {
                let (latitude, longitude) = system.to_wgs84(position);
                (Some(latitude), Some(longitude))
            }
            // A single coordinate is refused later, by `faults`.
            None => (latitude, longitude),
        };
    }
}

#[cfg(test)]
mod tests {
    use platform::Timestamp;
    use uuid::Uuid;

    use super::CoordinateSystem::{Bd09, Gcj02, Wgs84};
    use super::*;

    const SENT: (f64, f64) = (31.175_303_983_645_97, 121.531_541_859_215);
    const THERE: (f64, f64) = (31.177_427_6, 121.527_210_6);

    fn changes(place: (f64, f64), named: Option<CoordinateSystem>) -> CustomerDetails {
        CustomerDetails {
            latitude: Some(Some(place.0)),
            longitude: Some(Some(place.1)),
            coordinate_system: named,
            ..CustomerDetails::default()
        }
    }

    fn located(
        customer: &Customer,
        changes: &CustomerDetails,
        default: CoordinateSystem,
    ) -> Customer {
        let mut after = customer.clone();
        after.locate(changes, default);
        after
    }

    fn is_near(customer: &Customer, (latitude, longitude): (f64, f64)) -> bool {
        let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-8);
        near(customer.latitude, latitude) && near(customer.longitude, longitude)
    }

    #[test]
    fn a_position_is_converted_and_kept_as_sent() {
        let blank = Customer::blank(Uuid::nil(), Timestamp::default());

        let named = located(&blank, &changes(SENT, Some(Gcj02)), Wgs84);
        let default = located(&blank, &changes(SENT, None), Gcj02);

        assert!(is_near(&named, THERE));
        assert_eq!((named.sent_latitude, named.sent_longitude), (Some(SENT.0), Some(SENT.1)));
        assert_eq!(named.sent_coordinate_system, Some(Gcj02));
        assert_eq!(named, default);
    }

    #[test]
    fn what_was_read_may_be_sent_back() {
        let blank = Customer::blank(Uuid::nil(), Timestamp::default());
        let customer = located(&blank, &changes(SENT, Some(Gcj02)), Wgs84);
        let read = (customer.latitude.unwrap(), customer.longitude.unwrap());

        assert_eq!(located(&customer, &changes(read, None), Gcj02), customer);
        let rounded = (read.0 + 1e-14, read.1 - 3e-14);
        assert_eq!(located(&customer, &changes(rounded, None), Gcj02), customer);
        assert_eq!(located(&customer, &CustomerDetails::default(), Bd09), customer);
    }

    #[test]
    fn one_change_of_three_keeps_the_others_as_they_were_sent() {
        let blank = Customer::blank(Uuid::nil(), Timestamp::default());
        let wrong = located(&blank, &changes(SENT, None), Wgs84);
        let renamed =
            CustomerDetails { coordinate_system: Some(Gcj02), ..CustomerDetails::default() };
        let moved = CustomerDetails { latitude: Some(Some(31.2)), ..CustomerDetails::default() };

        let right = located(&wrong, &renamed, Wgs84);
        let north = located(&right, &moved, Wgs84);

        assert!(is_near(&wrong, SENT) && is_near(&right, THERE));
        assert_eq!(north.sent_coordinate_system, Some(Gcj02));
        assert_eq!(north.sent_longitude, Some(SENT.1));
        assert!((north.longitude.unwrap() - THERE.1).abs() < 1e-4);
    }

    #[test]
    fn nowhere_has_no_coordinate_system() {
        let blank = Customer::blank(Uuid::nil(), Timestamp::default());
        let customer = located(&blank, &changes(SENT, Some(Bd09)), Wgs84);
        let none = CustomerDetails {
            latitude: Some(None),
            longitude: Some(None),
            ..CustomerDetails::default()
        };

        assert_eq!(located(&customer, &none, Gcj02), blank);
        let unplaced =
            CustomerDetails { coordinate_system: Some(Bd09), ..CustomerDetails::default() };
        assert_eq!(located(&blank, &unplaced, Gcj02), blank);
    }
}
