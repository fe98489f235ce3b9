//! Search texts of customers, and the keys by which duplicates are recognised.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::characters::fold;
use platform::{Result, Tx, phone, pinyin, search};
use schema::customers;

use super::Customer;

/// Columns by which a customer is found. Only queries read them.
#[derive(Debug, PartialEq, Insertable, AsChangeset)]
#[diesel(table_name = customers, treat_none_as_default_value = false)]
pub struct Keys {
    name_pinyin: String,
    name_key: String,
    search: String,
    grams: Vec<String>,
    phones: Vec<String>,
}

impl Keys {
    pub fn of(customer: &Customer) -> Self {
        let Customer { name, code, phone, .. } = customer;
        let search = search::text(name, &[code], phone.as_deref());
        Self {
            name_pinyin: pinyin::full(name),
            name_key: name_key(name),
            grams: search::grams(&search),
            search,
            phones: phone.as_deref().map(phone::numbers).unwrap_or_default(),
        }
    }
}

/// Returns a key that is the same for all spellings of a name: without case, width, spaces,
/// punctuation and legal form. A name without letters keeps its punctuation.
pub fn name_key(name: &str) -> String {
    let folded = fold(name);
    if !folded.contains(char::is_alphabetic) {
        return folded.split_whitespace().collect();
    }
    let text: String = folded.chars().filter(|c| c.is_alphanumeric()).collect();
    let forms = ["有限责任公司", "股份有限公司", "有限公司", "公司"];
    let short = forms.iter().find_map(|form| text.strip_suffix(form)).unwrap_or(&text);
    if short.is_empty() { text } else { short.to_owned() }
}

/// A job: writes search texts that are missing after an upgrade. Returns the number of customers.
pub async fn write_search_texts(tx: &mut Tx) -> Result<u64> {
    let query = customers::table.filter(customers::phones.is_null()).order(customers::id);
    let query =
        query.limit(search::AT_A_TIME).select(Customer::as_select()).for_update().skip_locked();
    let due: Vec<Customer> = query.load(tx.conn()).await?;
    for customer in &due {
        let update = diesel::update(customers::table.find(customer.id)).set(Keys::of(customer));
        update.execute(tx.conn()).await?;
    }
    Ok(due.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_company_have_one_key() {
        assert_eq!(name_key("上海林氏贸易有限公司"), name_key(" 上海林氏 贸易 "));
        assert_eq!(name_key("Lin & Sons"), name_key("ＬＩＮ SONS"));
        assert_eq!(name_key("Straße 1"), name_key("STRASSE 1"));
        assert_ne!(name_key("公司"), "");
    }

    #[test]
    fn names_without_letters_are_different() {
        assert_ne!(name_key("***"), name_key("---"));
        assert_ne!(name_key("12-3"), name_key("1-23"));
        assert_ne!(name_key("★"), "");
    }
}
