//! Amounts in fen, hundredths of a yuan, so that sums are exact.

/// Formats an amount: `123456` → `"1234.56"`
pub fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", fen.abs() / 100, fen.abs() % 100)
}

/// Parses an amount: `"1234.56"` → `123456`
pub fn fen(yuan: &str) -> Option<i64> {
    let (whole, fraction) = yuan.split_once('.')?;
    format!("{whole}{fraction}").parse().ok().filter(|_| fraction.len() == 2)
}

/// A percentage of an amount, rounded half away from zero.
pub fn part(fen: i64, percent: i64) -> i64 {
    (fen * percent + 50 * fen.signum()) / 100
}

/// The size of the company in a year, in percent of 2024. It grows for ten years.
pub fn growth(year: i16) -> i64 {
    100 + 6 * i64::from((year - 2024).clamp(0, 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_fen_goes_away_from_zero() {
        assert_eq!([part(50, 1), part(49, 1), part(-50, 1), part(-49, 1)], [1, 0, -1, 0]);
        assert_eq!(["0.05", "-12.05", "0.00", "-0.07"].map(fen), [5, -1205, 0, -7].map(Some));
        assert_eq!(["1", "1.5", ""].map(fen), [None; 3]);
        assert_eq!([yuan(5), yuan(-1205), yuan(0)], ["0.05", "-12.05", "0.00"]);
    }
}
