//! How customers are found: by any part of the name, code or phone, by pinyin and its initials.
//!
//! `pg_trgm` cannot index infixes of one or two Chinese characters, so that every row keeps its
//! single characters and pairs, and an index on them narrows the rows before `like` decides.

use std::collections::BTreeSet;

use diesel::prelude::*;
use platform::pinyin;
use schema::customers;

use super::Customer;

/// What is stored beside a customer to find it by. Read by queries only.
#[derive(Debug, PartialEq, Insertable, AsChangeset)]
#[diesel(table_name = customers, treat_none_as_default_value = false)]
pub struct Keys {
    name_pinyin: String,
    name_key: String,
    search: String,
    grams: Vec<String>,
}

impl Keys {
    pub fn of(customer: &Customer) -> Self {
        let Customer { name, code, phone, .. } = customer;
        let name_pinyin = pinyin::full(name);
        let initials = pinyin::initials(name);
        let phone = phone.as_deref().unwrap_or_default();
        let search = format!("{name} {code} {phone} {name_pinyin} {initials}").to_lowercase();
        let grams = grams(&search, true);
        Self { name_pinyin, name_key: name_key(name), search, grams }
    }
}

/// The name without what two spellings of one company differ in: case, blanks, punctuation and
/// the legal form.
pub fn name_key(name: &str) -> String {
    let text: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let forms = ["有限责任公司", "股份有限公司", "有限公司", "公司"];
    let short = forms.iter().find_map(|form| text.strip_suffix(form)).unwrap_or(&text);
    if short.is_empty() { text } else { short.to_owned() }
}

/// The pairs of neighbouring characters, for the stored side also each character.
pub fn grams(text: &str, singles: bool) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let pairs = chars.windows(2).map(|pair| pair.iter().collect::<String>());
    let mut grams: BTreeSet<String> = pairs.collect();
    if singles || chars.len() == 1 {
        grams.extend(chars.iter().map(char::to_string));
    }
    grams.into_iter().collect()
}

/// `%` and `_` in what people type stand for themselves.
pub fn pattern(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_company_have_one_key() {
        assert_eq!(name_key("上海林氏贸易有限公司"), name_key(" 上海林氏 贸易 "));
        assert_eq!(name_key("Lin & Sons"), name_key("LIN SONS"));
        assert_ne!(name_key("公司"), "");
    }

    #[test]
    fn what_is_asked_is_among_what_is_stored() {
        let stored: BTreeSet<_> = grams("上海林氏 c-1 shlin", true).into_iter().collect();
        for asked in ["上", "海林", "c-1", "shl", "氏 c"] {
            assert!(grams(asked, false).iter().all(|gram| stored.contains(gram)), "{asked}");
        }
    }
}
