//! Positions on the earth, and the coordinate systems of maps in China, 坐标系.
//!
//! GCJ-02 (高德, 腾讯) shifts WGS 84 by up to 700 m inside China, and BD-09 (百度) shifts GCJ-02 again.
//! Both are computed by the published formulas. They are converted back to WGS 84 by iteration,
//! with an error of less than 1 mm. The formulas take the box of latitude 0.8293 to 55.8271 and
//! longitude 72.004 to 137.8347 for China. Outside of it the three systems are identical.

use std::f64::consts::PI;

use crate::text_enum;

text_enum! {
    /// Coordinate system of a position, 坐标系
    pub enum CoordinateSystem {
        /// GPS
        Wgs84 = "wgs84",
        /// 国测局坐标 (高德, 腾讯)
        Gcj02 = "gcj02",
        /// 百度坐标
        Bd09 = "bd09",
    }
}

/// Latitude and longitude in degrees
pub type Position = (f64, f64);

/// Precision in degrees, about 0.1 mm.
const EXACT: f64 = 1e-9;

/// Maximum number of iterations. The error shrinks by a factor of 100 with each of them.
const MOST_STEPS: usize = 20;

impl CoordinateSystem {
    /// Converts a position of this system to WGS 84.
    pub fn to_wgs84(self, position: Position) -> Position {
        if !is_in_china(position) {
            return position;
        }
        match self {
            Self::Wgs84 => position,
            Self::Gcj02 => inverse(wgs84_to_gcj02, position),
            Self::Bd09 => inverse(wgs84_to_gcj02, inverse(gcj02_to_bd09, position)),
        }
    }
}

fn is_in_china((latitude, longitude): Position) -> bool {
    (0.8293..=55.8271).contains(&latitude) && (72.004..=137.8347).contains(&longitude)
}

/// Finds the position that `forward` maps to `wanted`. The shift changes so little from place to
/// place that the shift at the last guess is a good estimate for the next one.
fn inverse(forward: fn(Position) -> Position, wanted: Position) -> Position {
    let mut guess = wanted;
    for _ in 0..MOST_STEPS {
        let reached = forward(guess);
        let (north, east) = (wanted.0 - reached.0, wanted.1 - reached.1);
        guess = (guess.0 + north, guess.1 + east);
        if north.abs() < EXACT && east.abs() < EXACT {
            break;
        }
    }
    guess
}

/// The ellipsoid of Krasovsky: semi-major axis in metres, and first eccentricity squared
const AXIS: f64 = 6_378_245.0;
const ECCENTRICITY: f64 = 0.006_693_421_622_965_943;

fn wgs84_to_gcj02((latitude, longitude): Position) -> Position {
    let (x, y) = (longitude - 105.0, latitude - 35.0);
    let wave = |amplitude: f64, angle: f64| amplitude * (angle * PI).sin() * 2.0 / 3.0;
    let common = wave(20.0, 6.0 * x) + wave(20.0, 2.0 * x);
    let root = x.abs().sqrt();

    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * root
        + common
        + wave(20.0, y)
        + wave(40.0, y / 3.0)
        + wave(160.0, y / 12.0)
        + wave(320.0, y / 30.0);

    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * root
        + common
        + wave(20.0, x)
        + wave(40.0, x / 3.0)
        + wave(150.0, x / 12.0)
        + wave(300.0, x / 30.0);

    // Converts metres to degrees, with the radii of curvature at that latitude.
    let (sine, cosine) = latitude.to_radians().sin_cos();
    let flat = 1.0 - ECCENTRICITY * sine * sine;
    let meridian = AXIS * (1.0 - ECCENTRICITY) / (flat * flat.sqrt());
    let parallel = AXIS / flat.sqrt() * cosine;
    (latitude + (north / meridian).to_degrees(), longitude + (east / parallel).to_degrees())
}

fn gcj02_to_bd09((latitude, longitude): Position) -> Position {
    const TURN: f64 = PI * 3000.0 / 180.0;
    let radius = latitude.hypot(longitude) + 0.000_02 * (latitude * TURN).sin();
    let angle = latitude.atan2(longitude) + 0.000_003 * (longitude * TURN).cos();
    (radius * angle.sin() + 0.006, radius * angle.cos() + 0.006_5)
}

#[cfg(test)]
mod tests {
    use super::CoordinateSystem::{Bd09, Gcj02, Wgs84};
    use super::*;

    /// Metres between two positions that are near each other.
    fn metres(a: Position, b: Position) -> f64 {
        let north = (a.0 - b.0) * 111_320.0;
        let east = (a.1 - b.1) * 111_320.0 * a.0.to_radians().cos();
        north.hypot(east)
    }

    #[test]
    fn published_points_are_met() {
        // The tests of eviltransform: Shanghai, Shenzhen, Beijing.
        let gcj02 = [
            ((31.177_427_6, 121.527_210_6), (31.175_303_983_645_97, 121.531_541_859_215)),
            ((22.543_847, 113.912_316), (22.540_796_131_694_766, 113.917_176_480_836_3)),
            ((39.911_954, 116.377_817), (39.913_345_455_360_69, 116.384_047_224_556_57)),
        ];
        // The tests of coordtransform, and Beijing by its formula.
        let gcj02_bd09 = ((39.915, 116.404), (39.921_336_993_510_21, 116.410_369_493_710_29));
        let bd09 = [((39.911_954, 116.377_817), (39.919_575_550_965_8, 116.390_454_713_108_2))];

        for (wgs84, sent) in gcj02 {
            assert!(metres(wgs84_to_gcj02(wgs84), sent) < 0.001, "{wgs84:?}");
            assert!(metres(Gcj02.to_wgs84(sent), wgs84) < 0.001, "{wgs84:?}");
        }
        for (wgs84, sent) in bd09 {
            assert!(metres(Bd09.to_wgs84(sent), wgs84) < 0.001, "{wgs84:?}");
        }
        assert!(metres(gcj02_to_bd09(gcj02_bd09.0), gcj02_bd09.1) < 0.001);
        assert!(metres(inverse(gcj02_to_bd09, gcj02_bd09.1), gcj02_bd09.0) < 0.001);
    }

    #[test]
    fn the_way_there_and_back_ends_where_it_began() {
        for latitude in 4..53 {
            for longitude in 74..135 {
                let place = (f64::from(latitude) + 0.37, f64::from(longitude) + 0.73);

                let gcj02 = wgs84_to_gcj02(place);
                let bd09 = gcj02_to_bd09(gcj02);

                assert!(metres(Gcj02.to_wgs84(gcj02), place) < 0.001, "{place:?}");
                assert!(metres(Bd09.to_wgs84(bd09), place) < 0.001, "{place:?}");
                assert_eq!(Wgs84.to_wgs84(place), place);
            }
        }
    }

    #[test]
    fn nothing_is_shifted_outside_of_china() {
        let abroad = [
            (51.5074, -0.1278),
            (40.7128, -74.006),
            (-33.8688, 151.2093),
            (0.8292, 100.0),
            (55.8272, 100.0),
            (30.0, 72.003),
            (30.0, 137.8348),
            (90.0, 180.0),
            (-90.0, -180.0),
        ];

        for place in abroad {
            for system in [Wgs84, Gcj02, Bd09] {
                assert_eq!(system.to_wgs84(place), place);
            }
        }
    }

    #[test]
    fn the_edge_of_the_box_is_no_cliff_to_fall_from() {
        for latitude in [0.8293, 20.0, 55.8271] {
            for longitude in [72.004, 100.0, 137.8347] {
                for system in [Gcj02, Bd09] {
                    let (north, east) = system.to_wgs84((latitude, longitude));

                    assert!((-90.0..=90.0).contains(&north) && (-180.0..=180.0).contains(&east));
                    assert!(metres((north, east), (latitude, longitude)) < 3000.0);
                }
            }
        }
    }
}
