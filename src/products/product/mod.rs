//! Products, 产品, with their list prices by day.

mod batch;
mod db;
pub mod http;

use access::Caller;
use diesel::prelude::*;
use intake::HasReferences;
use platform::{
    Date, Embedded, Error, Fault, Money, Number, Result, Timestamp, page, pinyin, resource, sent,
    set, text_enum,
};
use rust_decimal::Decimal;
use schema::products;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadCosts;

pub use db::{find_products, load, name_products, write_search_texts};

/// The fields that only holders of `ReadCosts` see. Every role that writes products is one of them.
pub const COSTS: &[&str] = &["standard_cost"];

text_enum! {
    pub enum ProductSort {
        Name = "name",
        /// By the pronunciation of the name
        Pinyin = "name_pinyin",
        Code = "code",
        NewestFirst = "-created_at",
    }
}

/// A product, 产品
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Product {
    pub id: Uuid,
    pub version: i64,
    #[schema(example = "BK-M68B-42")]
    pub code: String,
    #[schema(example = "山地自行车 42 寸")]
    pub name: String,
    /// The name in pinyin, for sorting
    #[schema(example = "shan di zi xing che 42 cun")]
    pub name_pinyin: String,
    /// Category that reports group by
    #[schema(example = "自行车")]
    pub category: Option<String>,
    #[schema(example = "山地车")]
    pub subcategory: Option<String>,
    #[schema(example = "pcs")]
    pub unit: String,
    /// List price in the company's currency, for days without an entry in `prices`
    pub list_price: Option<Money>,
    /// Standard cost. Masked for roles that cannot see costs
    pub standard_cost: Option<Money>,
    /// Tax rate in percent
    pub tax_rate: Option<Number>,
    /// Only active products can be ordered
    pub active: bool,
    /// List prices by day, in the company's currency
    #[schema(value_type = Vec<Price>)]
    pub prices: Embedded<Vec<Price>>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Fields that the caller cannot see
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = no_fields(), select_expression_type = NoFields)]
    pub masked_fields: Vec<String>,
}

type NoFields = platform::FixedSql<diesel::sql_types::Array<diesel::sql_types::Text>>;

fn no_fields() -> NoFields {
    platform::fixed_sql("'{}'::text[]")
}

resource! { Product: "product" at "/api/v1/products", seen by everybody }

/// A list price and the days on which it applies
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Price {
    pub valid_from: Date,
    /// Exclusive. Null for a price without an end
    pub valid_to: Option<Date>,
    pub price: Money,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "code": "BK-M68B-42", "name": "山地自行车 42 寸", "category": "自行车",
    "list_price": "2294.99", "tax_rate": "13",
    "prices": [{ "valid_from": "2026-11-01", "valid_to": "2026-12-01", "price": "1999.00" }] }))]
pub struct NewProduct {
    #[schema(min_length = 1, max_length = 60)]
    code: String,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The source system that assigned `external_id`. Default: the caller's own
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    external_id: Option<String>,
    #[serde(flatten)]
    details: ProductDetails,
}

/// A merge patch. Absent fields keep their value, `null` clears, the prices are replaced as a
/// whole.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "list_price": "2199.00", "active": true }))]
pub struct ProductChanges {
    #[schema(min_length = 1, max_length = 60, nullable = false)]
    code: Option<String>,
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    #[serde(flatten)]
    details: ProductDetails,
}

/// Fields that new products and changes of products have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ProductDetails {
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 100)]
    category: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 100)]
    subcategory: Option<Option<String>>,
    /// Default: `pcs`
    #[schema(min_length = 1, max_length = 20, nullable = false)]
    unit: Option<String>,
    #[serde(deserialize_with = "sent")]
    list_price: Option<Option<Money>>,
    #[serde(deserialize_with = "sent")]
    standard_cost: Option<Option<Money>>,
    /// Tax rate in percent, `0` to `100`
    #[serde(deserialize_with = "sent")]
    tax_rate: Option<Option<Number>>,
    #[schema(nullable = false)]
    active: Option<bool>,
    #[schema(max_items = 200, nullable = false)]
    prices: Option<Vec<Price>>,
}

impl HasReferences for NewProduct {}
impl HasReferences for ProductChanges {}

/// Filters for the list of products.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductFilter {
    #[param(max_length = 100)]
    category: Option<String>,
    #[param(max_length = 100)]
    subcategory: Option<String>,
    active: Option<bool>,
    #[param(max_length = 60)]
    code: Option<String>,
    /// Matches a part of the name, of its pinyin or pinyin initials, or of the code. Case and
    /// character width are ignored
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
    /// Default: `name`
    #[param(inline)]
    sort: Option<ProductSort>,
}

impl HasReferences for ProductFilter {}

page! {
    /// A page of products
    ProductPage of Product
}

impl Product {
    fn blank(id: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            unit: "pcs".into(),
            active: true,
            created_at: now,
            updated_at: now,
            ..Self::default()
        }
    }

    fn with(&self, changes: &ProductChanges) -> Self {
        let mut after = self.detailed(&changes.details);
        set(&mut after.code, changes.code.as_ref());
        if let Some(name) = &changes.name {
            after = after.called(name);
        }
        after
    }

    fn called(self, name: &str) -> Self {
        Self { name: name.to_owned(), name_pinyin: pinyin::full(name), ..self }
    }

    fn detailed(&self, changes: &ProductDetails) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => ProductDetails {
            category, subcategory, unit, list_price, standard_cost, tax_rate, active;
            prices
        });
        if let Some(prices) = &changes.prices {
            after.prices = Embedded(prices.clone());
            after.prices.0.sort_by_key(|price| price.valid_from);
        }
        after
    }

    /// Returns the price on a day before any discount: the latest price valid on that day,
    /// otherwise the list price.
    pub fn price_on(&self, day: Date) -> Option<Money> {
        let valid =
            |price: &&Price| price.valid_from <= day && price.valid_to.is_none_or(|to| day < to);
        self.prices.iter().rev().find(valid).map(|price| price.price).or(self.list_price)
    }

    /// Checks the rules that hold for every product, imported ones included.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        for (name, value) in [("code", &self.code), ("name", &self.name)] {
            if value.is_empty() {
                let at = format!("/{name}");
                faults.push(Fault::new(at, "required", "required for a new product"));
            }
        }

        for (name, value) in
            [("list_price", self.list_price), ("standard_cost", self.standard_cost)]
        {
            if value.is_some_and(|amount| amount < Money::ZERO) {
                faults.push(Fault::new(format!("/{name}"), "range", "0 or more"));
            }
        }

        if self
            .tax_rate
            .is_some_and(|rate| !(Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&rate.0))
        {
            faults.push(Fault::new("/tax_rate", "range", "0 to 100 percent"));
        }

        for (index, price) in self.prices.iter().enumerate() {
            if price.valid_to.is_some_and(|to| to <= price.valid_from) {
                let at = format!("/prices/{index}/valid_to");
                faults.push(Fault::new(at, "range", "must be after `valid_from`"));
            }
            if price.price < Money::ZERO {
                let at = format!("/prices/{index}/price");
                faults.push(Fault::new(at, "range", "0 or more"));
            }
        }

        faults
    }

    /// Returns a fault for each price period that overlaps the next.
    fn overlaps(&self) -> Vec<Fault> {
        let pairs = self.prices.windows(2).enumerate();
        let wrong =
            pairs.filter(|(_, pair)| pair[0].valid_to.is_none_or(|to| to > pair[1].valid_from));
        let at = |index| format!("/prices/{index}/valid_to");
        let why = "overlaps the period of the next price";
        wrong.map(|(index, _)| Fault::new(at(index), "overlap", why)).collect()
    }

    fn check(&self) -> Result<()> {
        let faults = [self.faults(), self.overlaps()].concat();
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }

    /// Returns the product as this caller may see it: costs are masked without `ReadCosts`.
    fn shown_to(self, caller: &Caller) -> Self {
        if caller.may::<ReadCosts>() {
            return self;
        }
        let masked_fields = COSTS.iter().map(|name| (*name).to_owned()).collect();
        Self { standard_cost: None, masked_fields, ..self }
    }
}

#[cfg(test)]
mod tests {
    use access::Permission;
    use jiff::civil::date;

    use super::*;
    use crate::WriteProducts;

    fn day(day: i8) -> Date {
        Date(date(2026, 11, day))
    }

    fn price(from: i8, to: Option<i8>, price: i64) -> Price {
        let price = Money(Decimal::from(price));
        Price { valid_from: day(from), valid_to: to.map(day), price }
    }

    fn priced(prices: Vec<Price>) -> Product {
        let blank = Product::blank(Uuid::nil(), Timestamp::default()).called("自行车");
        let product = Product { code: "BK".into(), list_price: Some(Money(9.into())), ..blank };
        product.detailed(&ProductDetails { prices: Some(prices), ..Default::default() })
    }

    #[test]
    fn a_day_has_the_price_that_is_valid_then() {
        let product = priced(vec![price(10, None, 2), price(1, Some(5), 1)]);
        let on = |at| product.price_on(day(at)).unwrap().0;
        assert_eq!([1, 4, 5, 9, 10, 30].map(on), [1, 1, 9, 9, 2, 2].map(Decimal::from));
        assert_eq!(Product { list_price: None, ..product }.price_on(day(5)), None);
        // Two at once can only come from another system: the later one is the newer one.
        let twice = priced(vec![price(1, None, 1), price(3, Some(4), 3)]);
        assert_eq!(twice.price_on(day(3)), Some(Money(3.into())));
    }

    #[test]
    fn one_price_on_a_day() {
        let codes = |prices| {
            let product = priced(prices);
            let faults = [product.faults(), product.overlaps()].concat();
            faults.iter().map(|it| it.code.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(codes(vec![price(10, None, 1), price(1, Some(10), 1)]), [""; 0]);
        assert_eq!(codes(vec![price(9, None, 1), price(1, Some(10), 1)]), ["overlap"]);
        assert_eq!(codes(vec![price(9, Some(9), -1)]), ["range", "range"]);
    }

    #[test]
    fn whoever_writes_a_product_sees_its_cost() {
        assert!(WriteProducts::ROLES.iter().all(|role| ReadCosts::ROLES.contains(role)));
    }
}
