//! Pricing of orders that people enter: list prices in the order's currency, line amounts and tax.

use company::setting::{self, Settings};
use std::collections::HashMap;

use platform::{Fault, Money};
use products::product::Product;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{NewLine, Order, OrderDetails, OrderLine};

/// Exclusive limit of prices and quantities, so that the product of two still fits.
const LARGEST: i64 = 1_000_000_000;

/// Rounding of an order's tax (税额舍入), from the setting `tax_rounding_per_document`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaxRounding {
    /// 按行: round each line, then sum up
    Line,
    /// 按单据: round the sum of the lines
    Document,
}

impl TaxRounding {
    pub(super) fn of(settings: &Settings) -> Self {
        match settings.get(setting::TAX_ROUNDING_PER_DOCUMENT) {
            0 => Self::Line,
            _ => Self::Document,
        }
    }
}

impl Order {
    /// Prices the lines of an order that a person enters, and returns the faults found. A line
    /// amounts to quantity × unit price × (1 − discount), rounded half away from zero to the minor
    /// unit.
    pub(super) fn price(
        &mut self,
        lines: &[NewLine],
        products: &HashMap<Uuid, Product>,
        tax_rounding: TaxRounding,
    ) -> Vec<Fault> {
        let (mut faults, mut priced) = (vec![], vec![]);

        for (index, line) in lines.iter().enumerate() {
            let mut wrong = |name: &str, code: &'static str, why: &str| {
                faults.push(Fault::new(format!("/lines/{index}/{name}"), code, why));
            };

            let product = products.get(&line.product_id);
            if product.is_some_and(|product| !product.active) {
                wrong("product_id", "inactive_product", "this product is no longer sold");
            }
            if line.quantity.0.is_zero() {
                wrong("quantity", "range", "must not be 0");
            }
            let discount = line.discount_percent.unwrap_or_default();
            if discount.0 < Decimal::ZERO || discount.0 > Decimal::ONE_HUNDRED {
                wrong("discount_percent", "range", "0 to 100");
            }

            let list_price = product.and_then(|product| product.price_on(self.order_date));
            let listed = || self.in_currency(list_price?);
            let Some(unit_price) = line.unit_price.or_else(listed) else {
                if list_price.is_some() {
                    let why =
                        "required, because the list price cannot be converted to this currency";
                    wrong("unit_price", "unit_price_required", why);
                } else {
                    wrong(
                        "unit_price",
                        "required",
                        "required, because the product has no list price on `order_date`",
                    );
                }
                continue;
            };

            let too_large = |value: Decimal| value.abs() >= Decimal::from(LARGEST);
            if unit_price < Money::ZERO || too_large(unit_price.0) {
                wrong("unit_price", "range", "zero or more, below a billion");
                continue;
            }
            if too_large(line.quantity.0) {
                wrong("quantity", "range", "below a billion");
                continue;
            }

            let amount = Money::of_line(line.quantity, unit_price, discount, &self.currency);
            priced.push(OrderLine {
                line_number: i32::try_from(index + 1).unwrap_or(i32::MAX),
                product_id: Some(line.product_id),
                description: line.description.clone(),
                quantity: line.quantity,
                unit_price,
                discount_percent: discount,
                amount: amount.unwrap_or_default(),
            });
        }

        let rate = |line: &OrderLine| line.product_id.and_then(|id| products.get(&id)?.tax_rate);
        let taxes = priced.iter().map(|line| {
            let percent = rate(line).unwrap_or_default().0;
            Money(line.amount.0 * percent / Decimal::ONE_HUNDRED)
        });
        self.tax_amount = match tax_rounding {
            TaxRounding::Line => taxes.map(|tax| tax.rounded(&self.currency)).sum(),
            TaxRounding::Document => taxes.sum::<Money>().rounded(&self.currency),
        };

        self.amount = priced.iter().map(|line| line.amount).sum();
        self.lines = priced.into();
        faults
    }

    /// Converts a list price from the company's currency at the order's exchange rate. `None` if
    /// the minor unit of the order's currency is too coarse: a list price of 0.05 CNY is 1.04 JPY,
    /// and no price in whole yen comes within one percent of that.
    fn in_currency(&self, list_price: Money) -> Option<Money> {
        if self.exchange_rate.0 == Decimal::ONE {
            return Some(list_price);
        }
        let price = Money(list_price.0.checked_div(self.exchange_rate.0)?).rounded(&self.currency);
        let difference = (price.0.checked_mul(self.exchange_rate.0)? - list_price.0).abs();
        (difference * Decimal::ONE_HUNDRED <= list_price.0).then_some(price)
    }

    /// Returns the faults of a change of the currency. Prices and freight agreed in one currency
    /// must be sent again with another.
    pub(super) fn currency_faults(&self, before: &str, details: &OrderDetails) -> Vec<Fault> {
        if before.is_empty() || before == self.currency {
            return vec![];
        }
        let mut faults = vec![];

        if details.lines.is_none() && !self.lines.is_empty() {
            let why = "required when `currency` changes: send the prices in the new currency";
            faults.push(Fault::new("/lines", "unit_price_required", why));
        }

        if details.freight_amount.is_none() && self.freight_amount != Money::ZERO {
            let why = "required when `currency` changes: send the freight in the new currency";
            faults.push(Fault::new("/freight_amount", "required", why));
        }

        faults
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use platform::{Date, Number, Timestamp};

    use super::*;

    fn order(currency: &str, rate: &str) -> Order {
        let day = Date(date(2026, 3, 2));
        let blank = Order::blank(Uuid::nil(), Uuid::nil(), Timestamp::default(), day);
        let exchange_rate = Number(rate.parse().unwrap());
        Order { currency: currency.into(), exchange_rate, ..blank }
    }

    #[test]
    fn a_list_price_is_converted_at_the_rate_of_the_order() {
        let price = |list: &str, currency, rate| {
            let price = order(currency, rate).in_currency(Money(list.parse().unwrap()));
            price.map(|price| price.0.normalize().to_string())
        };

        assert_eq!(price("100", "CNY", "1").as_deref(), Some("100"));
        assert_eq!(price("100", "JPY", "0.048").as_deref(), Some("2083"));
        assert_eq!(price("100", "KWD", "23.2").as_deref(), Some("4.31"));
        assert_eq!(price("100", "USD", "7.12").as_deref(), Some("14.04"));
        assert_eq!(price("0", "JPY", "0.048").as_deref(), Some("0"));
        assert_eq!(price("0.05", "JPY", "0.048"), None, "1 JPY would be 4 % less");
        assert_eq!(price("0.01", "JPY", "0.048"), None, "0 JPY would be free of charge");
    }

    #[test]
    fn prices_and_freight_do_not_survive_another_currency() {
        let line = OrderLine {
            line_number: 1,
            product_id: None,
            description: None,
            quantity: Number(1.into()),
            unit_price: Money(100.into()),
            discount_percent: Number::default(),
            amount: Money(100.into()),
        };
        let priced = Order {
            lines: vec![line].into(),
            freight_amount: Money(10.into()),
            ..order("JPY", "0.048")
        };
        let codes = |before: &str| {
            let faults = priced.currency_faults(before, &OrderDetails::default());
            faults
                .iter()
                .map(|fault| format!("{} {}", fault.pointer, fault.code))
                .collect::<Vec<_>>()
        };

        assert_eq!(codes("CNY"), ["/lines unit_price_required", "/freight_amount required"]);
        assert_eq!(codes("JPY"), [""; 0]);
        assert_eq!(codes(""), [""; 0], "a new order had no currency before");
    }
}
