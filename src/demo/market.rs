//! Customers and their contacts.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::organisation::{sellers, territory_of};
use crate::random::Random;

struct City {
    team: &'static str,
    province: &'static str,
    name: &'static str,
    area_code: &'static str,
    /// Ten thousandths of a degree, WGS 84
    latitude: i32,
    /// Ten thousandths of a degree, WGS 84
    longitude: i32,
}

const fn city(
    team: &'static str,
    province: &'static str,
    name: &'static str,
    area_code: &'static str,
    (latitude, longitude): (i32, i32),
) -> City {
    City { team, province, name, area_code, latitude, longitude }
}

const CITIES: &[City] = &[
    city("SH", "上海", "上海", "021", (31_2304, 121_4737)),
    city("JS", "江苏", "南京", "025", (32_0603, 118_7969)),
    city("JS", "江苏", "苏州", "0512", (31_2990, 120_5853)),
    city("JS", "江苏", "无锡", "0510", (31_4912, 120_3119)),
    city("ZJ", "浙江", "杭州", "0571", (30_2741, 120_1551)),
    city("ZJ", "浙江", "宁波", "0574", (29_8683, 121_5440)),
    city("ZJ", "浙江", "温州", "0577", (27_9938, 120_6994)),
    city("GD", "广东", "广州", "020", (23_1291, 113_2644)),
    city("GD", "广东", "深圳", "0755", (22_5431, 114_0579)),
    city("GD", "广东", "佛山", "0757", (23_0215, 113_1214)),
    city("GD", "广东", "东莞", "0769", (23_0207, 113_7518)),
    city("FJ", "福建", "福州", "0591", (26_0745, 119_2965)),
    city("FJ", "福建", "厦门", "0592", (24_4798, 118_0894)),
    city("FJ", "福建", "泉州", "0595", (24_8741, 118_6757)),
    city("BJ", "北京", "北京", "010", (39_9042, 116_4074)),
    city("BJ", "天津", "天津", "022", (39_3434, 117_3616)),
    city("SD", "山东", "济南", "0531", (36_6512, 117_1201)),
    city("SD", "山东", "青岛", "0532", (36_0671, 120_3826)),
    city("SD", "山东", "烟台", "0535", (37_4638, 121_4479)),
];

/// Industries, and a word for the names of their companies.
const INDUSTRIES: &[(&str, &str)] = &[
    ("机械制造", "机械"),
    ("汽车零部件", "汽车部件"),
    ("电子", "电子科技"),
    ("建筑安装", "建设工程"),
    ("化工", "化工"),
    ("食品加工", "食品"),
    ("物流仓储", "物流"),
    ("五金贸易", "五金贸易"),
];

const FIRST: &[&str] = &[
    "恒", "瑞", "鑫", "德", "华", "宏", "金", "永", "新", "盛", "安", "凯", "万", "嘉", "博", "天",
    "中", "长", "海", "正",
];
const SECOND: &[&str] = &[
    "达", "泰", "源", "信", "丰", "宇", "诚", "兴", "隆", "通", "力", "利", "佳", "邦", "润", "阳",
    "成", "和", "科", "腾",
];
const STREETS: &[&str] =
    &["人民路", "中山路", "建设路", "解放路", "工业大道", "科技路", "开发大道"];
const SURNAMES: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林",
    "何", "郭", "马", "罗",
];
const GIVEN: &[&str] = &[
    "伟", "芳", "娜", "敏", "静", "磊", "洋", "艳", "勇", "军", "杰", "涛", "明", "超", "秀英",
    "霞", "平", "建华", "文博", "雨欣", "子涵", "志远", "晓燕", "国强",
];
const TITLES: &[&str] = &["采购经理", "总经理", "设备主管", "仓库主管", "生产经理", "财务经理"];

/// The number of initial customers of each salesperson.
const EACH: usize = 13;

/// The first month with new customers.
const FIRST_MONTH: Date = date(2024, 1, 1);

/// The number of new customers per month.
const NEW_EACH_MONTH: usize = 3;

/// Days during which a trial customer orders.
const TRIAL_DAYS: i64 = 60;

pub struct Customer {
    pub external_id: String,
    pub owner: &'static str,
    pub territory: &'static str,
    pub tier: &'static str,
    status: &'static str,
    /// First day of orders
    pub from: Date,
    /// Day after the last day of orders
    pub to: Option<Date>,
    city: &'static City,
    name: String,
}

/// All customers of the company at the end of `today`. The customers of a past day do not depend on
/// `today`, so that the orders of that day stay the same.
pub fn customers(today: Date) -> Vec<Customer> {
    let mut all = vec![];
    for (place, seller) in sellers().enumerate() {
        for number in 0..EACH {
            let at = place * EACH + number;
            all.push(customer(format!("C{:04}", at + 1), at, seller, None, today));
        }
    }

    let mut month = FIRST_MONTH;
    while month <= today {
        for number in 0..NEW_EACH_MONTH {
            let id = format!("N{}{:02}-{}", month.year(), month.month(), number + 1);
            let mut random = Random::of(&id);
            let joined = month.saturating_add(random.between(0, 27).days());
            let sellers: Vec<_> = sellers().collect();
            let owner = random.choose(&sellers);
            let at = usize::try_from(random.between(0, 399)).unwrap_or_default();
            if joined <= today {
                all.push(customer(id, at, owner, Some(joined), today));
            }
        }
        month = month.saturating_add(1.month());
    }
    all
}

fn customer(
    external_id: String,
    at: usize,
    owner: &'static crate::organisation::Person,
    joined: Option<Date>,
    today: Date,
) -> Customer {
    let mut random = Random::of(&format!("customer {external_id}"));
    let cities: Vec<&City> = CITIES.iter().filter(|city| Some(city.team) == owner.team).collect();
    let city = random.choose(&cities);
    let tier = match random.between(0, 99) {
        0..15 => "A",
        15..50 => "B",
        _ => "C",
    };

    let from = joined.unwrap_or(date(2000, 1, 1));
    let (mut status, mut to) = ("active", None);
    if joined.is_some() && random.percent(35) {
        to = Some(from.saturating_add(TRIAL_DAYS.days()));
        // Dormant half a year after the last possible order.
        if to.is_some_and(|to| to.saturating_add(180.days()) <= today) {
            status = "dormant";
        }
    } else if joined.is_none() {
        status = match random.between(0, 99) {
            0..7 => "prospect",
            7..10 => "lost",
            10 => "blacklisted",
            _ => "active",
        };
        if status != "active" {
            to = Some(from);
        }
    }

    // 147 and 400 have no common factor, so that the first 400 customers have different brands.
    let pair = at * 147 % 400;
    let brand = format!("{}{}", FIRST[pair / 20], SECOND[pair % 20]);
    let third = if joined.is_some() { random.choose(SECOND) } else { "" };
    let (_, word) = random.choose(INDUSTRIES);
    let kind = if random.percent(15) { "股份有限公司" } else { "有限公司" };
    let name = format!("{}{brand}{third}{word}{kind}", city.name);
    let territory = territory_of(city.province);
    let owner = owner.username;
    Customer { external_id, owner, territory, tier, status, from, to, city, name }
}

impl Customer {
    /// The customer's weight in the sales of its owner on a day; 0 if it does not order.
    pub fn weight(&self, day: Date) -> i64 {
        if day < self.from || self.to.is_some_and(|to| day >= to) {
            return 0;
        }
        match self.tier {
            "A" => 6,
            "B" => 3,
            _ => 1,
        }
    }

    /// The customer's weight in the visits of its owner on a day.
    pub fn importance(&self, day: Date) -> i64 {
        if day < self.from || matches!(self.status, "lost" | "blacklisted") {
            return 0;
        }
        match self.tier {
            "A" => 6,
            "B" => 3,
            _ => 1,
        }
    }

    /// Latitude and longitude; unknown for a few customers.
    pub fn place(&self) -> Option<(f64, f64)> {
        let known = !Random::of(&format!("nowhere {}", self.external_id)).percent(3);
        known.then(|| self.address().0)
    }

    /// The coordinates, and the random numbers for the rest of the address.
    fn address(&self) -> ((f64, f64), Random) {
        let mut random = Random::of(&format!("address {}", self.external_id));
        let mut near = |degrees: i32| {
            let moved = i64::from(degrees) + random.between(-800, 800);
            f64::from(i32::try_from(moved).unwrap_or(degrees)) / 10_000.0
        };
        let place = (near(self.city.latitude), near(self.city.longitude));
        (place, random)
    }

    pub fn item(&self) -> Value {
        let (_, mut random) = self.address();
        let city = self.city;
        let (latitude, longitude) = self.place().unzip();
        let industry = INDUSTRIES
            .iter()
            .find(|industry| self.name.contains(industry.1))
            .map(|industry| industry.0);
        let street = random.choose(STREETS);

        json!({
            "external_id": self.external_id,
            "code": format!("D-{}", self.external_id),
            "name": self.name,
            "kind": "company",
            "status": self.status,
            "owner_external_id": self.owner,
            "territory_external_id": self.territory,
            "region": city.province,
            "city": city.name,
            "address": format!("{}市{street}{}号", city.name, random.between(1, 899)),
            "latitude": latitude,
            "longitude": longitude,
            "phone": format!("{}-5550{:04}", city.area_code, random.between(0, 9999)),
            "industry": industry,
            "tier": self.tier,
        })
    }

    /// The contacts: one to three, depending on the tier. The first one is the primary contact.
    pub fn contacts(&self) -> Vec<Value> {
        let mut random = Random::of(&format!("contacts {}", self.external_id));
        let count = match self.tier {
            "A" => random.between(2, 3),
            "B" => random.between(1, 2),
            _ => 1,
        };

        let contact = |number: i64| {
            let name = format!("{}{}", random.choose(SURNAMES), random.choose(GIVEN));
            let title = if number == 1 { TITLES[0] } else { random.choose(&TITLES[1..]) };
            json!({
                "external_id": format!("{}-{number}", self.external_id),
                "customer_external_id": self.external_id,
                "name": name,
                "title": title,
                "phone": format!("{}-5551{:04}", self.city.area_code, random.between(0, 9999)),
                "email": format!("{}.{number}@example.com", self.external_id.to_lowercase()),
                "influence": random.between(1, 5),
                "is_primary": number == 1,
            })
        };
        (1..=count).map(contact).collect()
    }
}
