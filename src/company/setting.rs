//! The settings of a company, each with its default and its bounds.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A setting of the company
#[derive(Debug, Serialize, ToSchema)]
pub struct Setting {
    #[schema(example = "audit_retention_years")]
    pub name: &'static str,
    /// The effect and the unit of the setting
    pub meaning: &'static str,
    /// 中文说明
    pub meaning_zh: &'static str,
    /// Null when the setting has no value
    pub value: Option<i64>,
    /// Null when the setting has no default
    pub default: Option<i64>,
    pub minimum: i64,
    pub maximum: i64,
}

/// Stored settings by name. A setting that is not stored has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings(Map<String, Value>);

/// A setting with a default.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub default: i64,
    minimum: i64,
    maximum: i64,
    meaning: &'static str,
    meaning_zh: &'static str,
}

/// A setting that may have no value.
#[derive(Debug, Clone, Copy)]
pub struct OptionalKey {
    name: &'static str,
    minimum: i64,
    maximum: i64,
    meaning: &'static str,
    meaning_zh: &'static str,
}

/// Declares the settings with a default: `visit_radius_m: 300 in 50..=5000, "meaning", "中文";` makes
/// the constant `VISIT_RADIUS_M`.
macro_rules! settings {
    ($($name:ident: $default:literal in $minimum:literal..=$maximum:literal,
        $meaning:literal, $meaning_zh:literal;)*) => {
        platform::pastey::paste! {
            $(
                #[doc = "The " $meaning "."]
                pub const [<$name:upper>]: Key = Key {
                    name: stringify!($name),
                    default: $default,
                    minimum: $minimum,
                    maximum: $maximum,
                    meaning: $meaning,
                    meaning_zh: $meaning_zh,
                };
            )*

            const KEYS: &[Key] = &[$([<$name:upper>]),*];
        }
    };
}

settings! {
    audit_retention_years: 7 in 1..=30,
        "years for which the history of changes is kept",
        "变更记录保留年数";
    close_on_working_day: 5 in 1..=20,
        "working day after the end of a period from which its targets can be closed",
        "次月第几个工作日关账";
    complaint_authority_salesperson: 500 in 0..=1_000_000_000,
        "highest compensation that a salesperson may promise, in the company's currency",
        "销售员投诉赔付权限(公司币种)";
    complaint_authority_sales_manager: 5_000 in 0..=1_000_000_000,
        "highest compensation that a sales manager may promise, in the company's currency",
        "销售经理投诉赔付权限(公司币种)";
    complaint_authority_sales_director: 50_000 in 0..=1_000_000_000,
        "highest compensation that a sales director may promise, in the company's currency",
        "销售总部投诉赔付权限(公司币种)";
    complaint_reopen_days: 30 in 1..=3650,
        "days after closing within which a complaint can be reopened",
        "投诉关闭后多少天内可重新打开";
    complaint_repeat_days: 90 in 1..=3650,
        "days after closing within which the same complaint counts as a repeat",
        "投诉关闭后多少天内再次投诉算再次追诉";
    dormant_after_days: 180 in 30..=1000,
        "days without an order after which a customer is dormant",
        "多少天无订单为休眠";
    max_overdue_days_a: 30 in 0..=3650,
        "days overdue after which a customer of tier A gets no more credit",
        "A 档客户逾期多少天后停止赊销";
    max_overdue_days_b: 15 in 0..=3650,
        "days overdue after which a customer of tier B gets no more credit",
        "B 档客户逾期多少天后停止赊销";
    max_overdue_days_c: 7 in 0..=3650,
        "days overdue after which any other customer gets no more credit",
        "其他客户逾期多少天后停止赊销";
    overdue_threshold: 1_000 in 0..=1_000_000_000,
        "overdue amount below which credit is not stopped, in the company's currency",
        "逾期金额低于此数不停止赊销(公司币种)";
    prepaid_until_terms: 0 in 0..=1,
        "1: a customer without approved terms gets no credit",
        "1:未核准交易条件的客户只能预付";
    terms_authority_credit_controller: 200_000 in 0..=1_000_000_000,
        "highest limit that a credit controller may approve, in the company's currency",
        "信用管理可批准的额度(公司币种)";
    terms_authority_sales_director: 2_000_000 in 0..=1_000_000_000,
        "highest limit that a sales director may approve, in the company's currency",
        "销售总部可批准的额度(公司币种)";
    terms_authority_sales_manager: 20_000 in 0..=1_000_000_000,
        "highest limit that a sales manager may approve, in the company's currency",
        "销售经理可批准的额度(公司币种)";
    dunning_days_before_due: 3 in 0..=60,
        "days before the due date at which a customer is reminded of an invoice",
        "到期前多少天提醒付款";
    dunning_days_first: 1 in 1..=365,
        "days overdue at which an invoice is dunned for the first time",
        "逾期多少天第一次催收";
    dunning_days_second: 15 in 1..=365, "the same for the second time", "逾期多少天第二次催收";
    dunning_days_third: 30 in 1..=730, "the same for the third time", "逾期多少天第三次催收";
    dunning_days_last: 60 in 1..=730, "the same for the last time", "逾期多少天最后一次催收";
    provision_percent_current: 0 in 0..=100,
        "bad debt provision on receivables not yet due, in percent",
        "未到期应收坏账准备率(%)";
    provision_percent_30: 1 in 0..=100, "the same, 1 to 30 days overdue", "逾期1-30天坏账准备率(%)";
    provision_percent_60: 5 in 0..=100, "the same, 31 to 60 days", "逾期31-60天坏账准备率(%)";
    provision_percent_90: 10 in 0..=100, "the same, 61 to 90 days", "逾期61-90天坏账准备率(%)";
    provision_percent_180: 20 in 0..=100, "the same, 91 to 180 days", "逾期91-180天坏账准备率(%)";
    provision_percent_365: 50 in 0..=100, "the same, 181 to 365 days", "逾期181-365天坏账准备率(%)";
    provision_percent_beyond: 100 in 0..=100, "the same, longer", "逾期365天以上坏账准备率(%)";
    visit_least_minutes: 5 in 0..=120, "shortest valid visit (minutes)", "有效拜访最短时长(分钟)";
    visit_offline_days: 7 in 1..=31,
        "days by which an offline phone may send a check-in late",
        "离线签到最多补传天数";
    visit_radius_m: 300 in 50..=5000,
        "radius of the check-in fence around a customer, in metres",
        "签到围栏半径(米)";
    survey_low_nps: 6 in -1..=10,
        "highest answer from 0 to 10 that is followed up; -1: none",
        "推荐度不高于多少分须跟踪(-1 为不跟踪)";
    survey_low_score: 2 in 0..=5,
        "highest score from 1 to 5 that is followed up; 0: none",
        "满意度不高于多少分须跟踪(0 为不跟踪)";
    new_product_days: 365 in 1..=3650,
        "days after its first sale for which a product counts as new",
        "产品首次销售后多少天内算新品";
    tax_rounding_per_document: 0 in 0..=1,
        "0: the tax of an order is rounded per line; 1: on the sum of the lines",
        "订单税额舍入:0 按行,1 按单据";
    working_day_starts: 9 in 0..=23, "hour at which a working day starts", "工作日开始时间(时)";
    working_day_ends: 18 in 1..=24, "hour at which a working day ends", "工作日结束时间(时)";
    write_off_authority_finance: 1_000 in 0..=1_000_000_000,
        "highest amount that finance may write off, in the company's currency",
        "财务坏账核销权限(公司币种)";
    write_off_authority_sales_director: 50_000 in 0..=1_000_000_000,
        "highest amount that a sales director may write off, in the company's currency",
        "销售总部坏账核销权限(公司币种)";
}

/// The credit limit of a customer without a limit of its own, in the company's currency.
pub const CREDIT_DEFAULT_LIMIT: OptionalKey = OptionalKey {
    name: "credit_default_limit",
    minimum: 0,
    maximum: 1_000_000_000_000,
    meaning: "credit limit of a customer without a limit of its own, in the company's currency",
    meaning_zh: "未单独设置额度的客户的信用额度(公司币种)",
};

const OPTIONAL_KEYS: &[OptionalKey] = &[CREDIT_DEFAULT_LIMIT];

impl Settings {
    /// Returns the value of a setting that may have none.
    pub fn optional(&self, key: OptionalKey) -> Option<i64> {
        self.0.get(key.name).and_then(Value::as_i64)
    }

    /// Returns the value of a setting that has a default.
    pub fn get(&self, key: Key) -> i64 {
        self.0.get(key.name).and_then(Value::as_i64).unwrap_or(key.default)
    }

    /// Returns the settings with these changes; `null` returns a setting to its default. The error
    /// lists the refused settings with the code of each fault.
    pub fn with(&self, changes: &Map<String, Value>) -> Result<Self, Vec<(String, &'static str)>> {
        let (mut after, mut faults) = (self.clone(), vec![]);
        for (name, value) in changes {
            let known = KEYS.iter().find(|key| key.name == name);
            let known = known.map(|key| (Some(key.default), key.minimum, key.maximum));
            let optional = OPTIONAL_KEYS.iter().find(|key| key.name == name);
            let optional = optional.map(|key| (None, key.minimum, key.maximum));
            let Some((default, least, most)) = known.or(optional) else {
                faults.push((name.clone(), "unknown_field"));
                continue;
            };

            match value.as_i64() {
                None if value.is_null() => drop(after.0.remove(name)),
                None => faults.push((name.clone(), "type")),
                Some(value) if Some(value) == default => drop(after.0.remove(name)),
                Some(value) if (least..=most).contains(&value) => {
                    after.0.insert(name.clone(), json!(value));
                }
                Some(_) => faults.push((name.clone(), "range")),
            }
        }

        if after.get(WORKING_DAY_STARTS) >= after.get(WORKING_DAY_ENDS) {
            faults.push(("working_day_ends".into(), "range"));
        }
        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    /// Returns all settings by name.
    pub fn list(&self) -> Vec<Setting> {
        let setting = |key: &Key| {
            let Key { name, default, minimum, maximum, meaning, meaning_zh } = *key;
            let (value, default) = (Some(self.get(*key)), Some(default));
            Setting { name, meaning, meaning_zh, value, default, minimum, maximum }
        };
        let optional = |key: &OptionalKey| {
            let OptionalKey { name, minimum, maximum, meaning, meaning_zh } = *key;
            let (value, default) = (self.optional(*key), None);
            Setting { name, meaning, meaning_zh, value, default, minimum, maximum }
        };
        let mut all: Vec<Setting> =
            KEYS.iter().map(setting).chain(OPTIONAL_KEYS.iter().map(optional)).collect();
        all.sort_by_key(|setting| setting.name);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changes: &Value) -> Result<Settings, Vec<(String, &'static str)>> {
        Settings::default().with(changes.as_object().unwrap())
    }

    #[test]
    fn every_default_lies_in_its_bounds() {
        for key in KEYS {
            assert!((key.minimum..=key.maximum).contains(&key.default), "{}", key.name);
        }
    }

    #[test]
    fn some_there_are_none_of_unless_told() {
        let limit = |settings: &Settings| settings.optional(CREDIT_DEFAULT_LIMIT);
        assert_eq!(limit(&Settings::default()), None);
        let zero = with(&json!({ "credit_default_limit": 0 })).unwrap();
        assert_eq!(limit(&zero), Some(0), "which is not the same as none");
        let none = json!({ "credit_default_limit": null });
        assert_eq!(zero.with(none.as_object().unwrap()).unwrap(), Settings::default());
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        assert_eq!(with(&json!({ "dormant_after_days": 90 })).unwrap().get(DORMANT_AFTER_DAYS), 90);
        let refused = |changes: Value| with(&changes).unwrap_err()[0].1;
        assert_eq!(refused(json!({ "dormant_after_days": 1 })), "range");
        assert_eq!(refused(json!({ "dormant_after_days": "90" })), "type");
        assert_eq!(refused(json!({ "colour": 1 })), "unknown_field");
        assert_eq!(refused(json!({ "credit_default_limit": -1 })), "range");
        assert_eq!(refused(json!({ "working_day_starts": 18 })), "range");
    }
}
