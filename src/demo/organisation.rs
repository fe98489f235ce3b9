//! Teams, people and territories.

use serde_json::{Value, json};

use crate::Login;

/// Teams: external id, name and parent.
pub const TEAMS: &[(&str, &str, Option<&str>)] = &[
    ("HQ", "总部", None),
    ("EAST", "华东大区", Some("HQ")),
    ("SOUTH", "华南大区", Some("HQ")),
    ("NORTH", "华北大区", Some("HQ")),
    ("SH", "上海组", Some("EAST")),
    ("JS", "江苏组", Some("EAST")),
    ("ZJ", "浙江组", Some("EAST")),
    ("GD", "广东组", Some("SOUTH")),
    ("FJ", "福建组", Some("SOUTH")),
    ("BJ", "京津组", Some("NORTH")),
    ("SD", "山东组", Some("NORTH")),
];

pub struct Person {
    /// Also the external id
    pub username: &'static str,
    pub name: &'static str,
    pub role: &'static str,
    pub team: Option<&'static str>,
    pub leads: bool,
}

const fn person(
    username: &'static str,
    name: &'static str,
    role: &'static str,
    team: Option<&'static str>,
) -> Person {
    Person { username, name, role, team, leads: false }
}

const fn leader(
    username: &'static str,
    name: &'static str,
    role: &'static str,
    team: &'static str,
) -> Person {
    Person { username, name, role, team: Some(team), leads: true }
}

const fn seller(username: &'static str, name: &'static str, team: &'static str) -> Person {
    person(username, name, "salesperson", Some(team))
}

pub const PEOPLE: &[Person] = &[
    person("lin.jianguo", "林建国", "general_manager", None),
    leader("zhou.wenjing", "周文静", "sales_director", "HQ"),
    leader("chen.zhiqiang", "陈志强", "sales_manager", "EAST"),
    leader("huang.lihua", "黄丽华", "sales_manager", "SOUTH"),
    leader("wang.haitao", "王海涛", "sales_manager", "NORTH"),
    leader("zhang.min", "张敏", "sales_manager", "SH"),
    leader("xu.hao", "徐浩", "sales_manager", "JS"),
    leader("shen.jia", "沈佳", "sales_manager", "ZJ"),
    leader("li.jiahao", "李嘉豪", "sales_manager", "GD"),
    leader("zheng.xiaodong", "郑晓东", "sales_manager", "FJ"),
    leader("zhao.lei", "赵磊", "sales_manager", "BJ"),
    leader("sun.yumei", "孙玉梅", "sales_manager", "SD"),
    seller("wang.fang", "王芳", "SH"),
    seller("liu.yang", "刘洋", "SH"),
    seller("gu.chen", "顾晨", "SH"),
    seller("lu.ting", "陆婷", "SH"),
    seller("wu.kai", "吴凯", "JS"),
    seller("zhu.lin", "朱琳", "JS"),
    seller("jiang.wei", "蒋伟", "JS"),
    seller("qian.cheng", "钱程", "JS"),
    seller("he.jing", "何静", "ZJ"),
    seller("yu.bin", "俞斌", "ZJ"),
    seller("pan.yue", "潘越", "ZJ"),
    seller("liang.zhiming", "梁志明", "GD"),
    seller("he.jiaxin", "何嘉欣", "GD"),
    seller("luo.yong", "罗勇", "GD"),
    seller("xie.wan", "谢婉", "GD"),
    seller("lin.na", "林娜", "FJ"),
    seller("chen.peng", "陈鹏", "FJ"),
    seller("ye.qing", "叶青", "FJ"),
    seller("yang.fan", "杨帆", "BJ"),
    seller("gao.xiang", "高翔", "BJ"),
    seller("ma.li", "马丽", "BJ"),
    seller("yu.yang", "于洋", "SD"),
    seller("song.jia", "宋佳", "SD"),
    seller("han.xue", "韩雪", "SD"),
    person("fang.wen", "方雯", "back_office", Some("HQ")),
    person("tang.hui", "唐慧", "back_office", Some("HQ")),
    person("xu.jing", "许静", "finance", None),
    person("cheng.gang", "程刚", "credit_controller", None),
    person("guo.chao", "郭超", "quality", None),
    person("cao.ying", "曹颖", "hr", None),
];

/// Demo users and their passwords, which are printed at every start: one for each role except the
/// administrator, whom the service itself creates.
pub const LOGINS: &[(&str, &str)] = &[
    ("zhang.min", "manager-lotus-27"),
    ("wang.fang", "seller-bamboo-41"),
    ("fang.wen", "office-jasmine-63"),
    ("lin.jianguo", "general-orchid-58"),
    ("zhou.wenjing", "director-maple-34"),
    ("xu.jing", "finance-willow-72"),
    ("cheng.gang", "credit-cedar-19"),
    ("guo.chao", "quality-peony-85"),
    ("cao.ying", "people-azalea-46"),
];

/// Territories: external id, name, parent, and the team whose leader holds the territory.
const TERRITORIES: &[(&str, &str, Option<&str>, &str)] = &[
    ("T-EAST", "华东", None, "EAST"),
    ("T-SOUTH", "华南", None, "SOUTH"),
    ("T-NORTH", "华北", None, "NORTH"),
    ("T-SH", "上海", Some("T-EAST"), "SH"),
    ("T-JS", "江苏", Some("T-EAST"), "JS"),
    ("T-ZJ", "浙江", Some("T-EAST"), "ZJ"),
    ("T-GD", "广东", Some("T-SOUTH"), "GD"),
    ("T-FJ", "福建", Some("T-SOUTH"), "FJ"),
    ("T-BJ", "北京", Some("T-NORTH"), "BJ"),
    ("T-TJ", "天津", Some("T-NORTH"), "BJ"),
    ("T-SD", "山东", Some("T-NORTH"), "SD"),
];

/// The day on which all people were employed and got their territories, before any order.
const BEGINNING: &str = "2018-01-01";

pub fn sellers() -> impl Iterator<Item = &'static Person> + Clone {
    PEOPLE.iter().filter(|person| person.role == "salesperson")
}

/// The leader of a user's team.
pub fn leader_of(username: &str) -> Option<&'static str> {
    let team = PEOPLE.iter().find(|person| person.username == username)?.team?;
    PEOPLE
        .iter()
        .find(|person| person.leads && person.team == Some(team))
        .map(|person| person.username)
}

/// The external id of the territory that covers a province.
pub fn territory_of(province: &str) -> &'static str {
    TERRITORIES
        .iter()
        .find(|territory| territory.1 == province)
        .map_or("T-EAST", |territory| territory.0)
}

pub fn teams() -> Vec<Value> {
    let team = |(id, name, parent): &(&str, &str, Option<&str>)| {
        let mut item = json!({ "external_id": id, "code": id, "name": name });
        if let Some(parent) = parent {
            item["parent_external_id"] = (*parent).into();
        }
        item
    };
    TEAMS.iter().map(team).collect()
}

pub fn users() -> Vec<Value> {
    let user = |(place, person): (usize, &Person)| {
        let mut item = json!({
            "external_id": person.username,
            "username": person.username,
            "name": person.name,
            "email": format!("{}@example.com", person.username),
            "phone": format!("010-5550-{:04}", 100 + place),
            "roles": [person.role],
            "employed_from": BEGINNING,
            "active": true,
        });
        if let Some(team) = person.team {
            item["team_external_id"] = team.into();
            item["leads_team"] = person.leads.into();
        }
        item
    };
    PEOPLE.iter().enumerate().map(user).collect()
}

pub fn territories() -> Vec<Value> {
    let leader = |team| PEOPLE.iter().find(|person| person.leads && person.team == Some(team));
    let territory = |(id, name, parent, team): &(&str, &str, Option<&str>, &'static str)| {
        let kind = if parent.is_some() { "province" } else { "region" };
        let mut item = json!({ "external_id": id, "code": id, "name": name, "kind": kind });
        if let Some(parent) = parent {
            item["parent_external_id"] = (*parent).into();
        }
        if let Some(leader) = leader(*team) {
            let holder = json!({ "user_external_id": leader.username, "valid_from": BEGINNING });
            item["holders"] = json!([holder]);
        }
        item
    };
    TERRITORIES.iter().map(territory).collect()
}

pub fn logins() -> Vec<Login> {
    let login = |&(username, password): &(&'static str, &'static str)| {
        let person = PEOPLE.iter().find(|person| person.username == username)?;
        Some(Login { username, password, role: person.role, name: person.name })
    };
    LOGINS.iter().filter_map(login).collect()
}
