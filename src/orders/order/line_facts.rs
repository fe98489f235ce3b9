//! The lines of an order as an ERP reports them.

use std::collections::HashSet;

use platform::{Fault, Money, Number};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Order, OrderLine};

/// An order line as an ERP reports it. Its amount is not checked against quantity × price.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LineFacts {
    /// Default: the position in the list, starting at 1
    #[schema(minimum = 1, maximum = 1_000_000, nullable = false)]
    line_number: Option<i32>,
    product_id: Option<Uuid>,
    #[schema(max_length = 500)]
    description: Option<String>,
    quantity: Number,
    #[serde(default)]
    unit_price: Money,
    #[serde(default)]
    discount_percent: Number,
    amount: Money,
}

impl Order {
    pub(super) fn take_lines(&mut self, lines: &[LineFacts]) -> Vec<Fault> {
        let (mut faults, mut seen) = (vec![], HashSet::new());
        let most = Decimal::from(1_000_000_000_000_i64);
        let mut taken = Vec::with_capacity(lines.len());

        for (index, line) in lines.iter().enumerate() {
            let place = i32::try_from(index + 1).unwrap_or(i32::MAX);
            let line_number = line.line_number.unwrap_or(place);
            if !seen.insert(line_number) {
                let at = format!("/lines/{index}/line_number");
                faults.push(Fault::new(at, "duplicate", "each line number may be used only once"));
            }
            if line.amount.0.abs() >= most {
                let at = format!("/lines/{index}/amount");
                faults.push(Fault::new(at, "range", "below 1,000,000,000,000"));
            }

            taken.push(OrderLine {
                line_number,
                product_id: line.product_id,
                description: line.description.clone(),
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount_percent: line.discount_percent,
                amount: line.amount,
            });
        }

        taken.sort_by_key(|line| line.line_number);
        self.lines = taken.into();
        faults
    }
}
