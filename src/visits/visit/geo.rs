//! Position evidence of check-ins and check-outs. Doubtful positions are flagged, never rejected.

use platform::text_enum;

text_enum! {
    pub enum GeoStatus {
        /// Within the customer's radius, allowing for the accuracy
        InFence = "in_fence",
        OutOfFence = "out_of_fence",
        /// Accuracy worse than 200 m
        LowAccuracy = "low_accuracy",
        /// Position fix older than 60 s
        StaleFix = "stale_fix",
        NoFix = "no_fix",
        /// The phone reported a simulated position
        MockSuspected = "mock_suspected",
        /// The customer's position is unknown
        NotLocated = "not_located",
        /// The visit takes place by telephone or video
        Remote = "remote",
    }
}

const STALE_S: f64 = 60.0;
const ACCURATE_M: f64 = 200.0;
/// Mean radius of the earth (IUGG R1)
const EARTH_M: f64 = 6_371_008.8;

/// Latitude and longitude in degrees, WGS 84
pub type Place = (f64, f64);

/// A position fix as sent by a phone.
#[derive(Debug, Clone, Copy, Default)]
pub struct PositionFix {
    pub place: Option<Place>,
    pub accuracy_m: Option<f64>,
    pub age_s: Option<f64>,
    pub mock: bool,
}

/// Returns the distance in metres along the sphere, by the haversine formula.
pub fn distance_m(a: Place, b: Place) -> f64 {
    let [lat_a, lon_a, lat_b, lon_b] = [a.0, a.1, b.0, b.1].map(f64::to_radians);
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let chord = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half(lon_b - lon_a);
    2.0 * EARTH_M * chord.clamp(0.0, 1.0).sqrt().asin()
}

/// Judges a position fix. A missing accuracy or age counts as perfect.
pub fn judge(fix: PositionFix, customer: Option<Place>, radius_m: f64) -> GeoStatus {
    if fix.mock {
        return GeoStatus::MockSuspected;
    }
    let Some(place) = fix.place else { return GeoStatus::NoFix };

    let accuracy = fix.accuracy_m.unwrap_or(0.0);
    if fix.age_s.unwrap_or(0.0) > STALE_S {
        GeoStatus::StaleFix
    } else if accuracy > ACCURATE_M {
        GeoStatus::LowAccuracy
    } else {
        match customer {
            None => GeoStatus::NotLocated,
            Some(there) if distance_m(place, there) - accuracy <= radius_m => GeoStatus::InFence,
            Some(_) => GeoStatus::OutOfFence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHANGHAI: Place = (31.2304, 121.4737);

    /// The point this many metres north of Shanghai.
    fn north(metres: f64) -> Place {
        (SHANGHAI.0 + (metres / EARTH_M).to_degrees(), SHANGHAI.1)
    }

    #[test]
    fn known_distances() {
        // One degree of the meridian on this sphere, a quarter of it, and no distance at all.
        assert!((distance_m((0.0, 0.0), (1.0, 0.0)) - 111_195.08).abs() < 0.1);
        assert!((distance_m((0.0, 0.0), (90.0, 0.0)) - 10_007_557.2).abs() < 1.0);
        assert!(distance_m(SHANGHAI, SHANGHAI).abs() < 1e-9);
        assert!((distance_m(SHANGHAI, north(300.0)) - 300.0).abs() < 1e-3);
        // Across the date line, and to the other side of the world.
        assert!((distance_m((0.0, 179.5), (0.0, -179.5)) - 111_195.08).abs() < 0.1);
        assert!((distance_m((0.0, 0.0), (0.0, 180.0)) - 20_015_114.4).abs() < 1.0);
    }

    #[test]
    fn what_evidence_is_worth() {
        let good = PositionFix {
            place: Some(north(100.0)),
            accuracy_m: Some(10.0),
            age_s: Some(5.0),
            mock: false,
        };
        let at = |metres, accuracy: f64| PositionFix {
            place: Some(north(metres)),
            accuracy_m: Some(accuracy),
            ..good
        };
        let cases = [
            ("good", good, GeoStatus::InFence),
            ("no fix", PositionFix { place: None, ..good }, GeoStatus::NoFix),
            ("stale", PositionFix { age_s: Some(60.1), ..good }, GeoStatus::StaleFix),
            ("just fresh", PositionFix { age_s: Some(60.0), ..good }, GeoStatus::InFence),
            ("mock", PositionFix { mock: true, ..good }, GeoStatus::MockSuspected),
            (
                "mock before no fix",
                PositionFix { mock: true, place: None, ..good },
                GeoStatus::MockSuspected,
            ),
            ("inaccurate", at(100.0, 200.1), GeoStatus::LowAccuracy),
            ("just accurate", at(100.0, 200.0), GeoStatus::InFence),
            ("on the edge", at(299.9, 0.0), GeoStatus::InFence),
            ("beyond the edge", at(300.1, 0.0), GeoStatus::OutOfFence),
            ("beyond, but perhaps within", at(349.9, 50.0), GeoStatus::InFence),
            ("beyond for sure", at(350.1, 50.0), GeoStatus::OutOfFence),
            (
                "stale before inaccurate",
                PositionFix { age_s: Some(61.0), ..at(1.0, 500.0) },
                GeoStatus::StaleFix,
            ),
        ];
        for (name, fix, expected) in cases {
            assert_eq!(judge(fix, Some(SHANGHAI), 300.0), expected, "{name}");
        }
        assert_eq!(judge(good, None, 300.0), GeoStatus::NotLocated);
    }
}
