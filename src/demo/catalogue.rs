//! Products: industrial supplies 工业品.

use serde_json::{Value, json};

use crate::money::{growth, yuan};

/// A product line with three sizes: category, subcategory, name, unit, and the price of the
/// smallest size in fen in the base year of the growth.
type Line = (&'static str, &'static str, &'static str, &'static str, i64);

const LINES: &[Line] = &[
    ("电动工具", "钻孔", "充电式电钻", "台", 45_900),
    ("电动工具", "钻孔", "冲击钻", "台", 38_800),
    ("电动工具", "切割", "角磨机", "台", 29_900),
    ("电动工具", "切割", "曲线锯", "台", 52_600),
    ("电动工具", "紧固", "电动扳手", "台", 68_000),
    ("手动工具", "扳手", "棘轮扳手", "把", 5_680),
    ("手动工具", "扳手", "活动扳手", "把", 3_250),
    ("手动工具", "钳子", "钢丝钳", "把", 2_890),
    ("手动工具", "螺丝刀", "螺丝刀组套", "套", 8_900),
    ("手动工具", "测量", "钢卷尺", "把", 1_980),
    ("紧固件", "螺栓", "外六角螺栓", "盒", 4_200),
    ("紧固件", "螺栓", "内六角螺栓", "盒", 4_850),
    ("紧固件", "螺母", "法兰螺母", "盒", 2_360),
    ("紧固件", "垫圈", "弹簧垫圈", "盒", 1_250),
    ("紧固件", "膨胀", "膨胀螺栓", "盒", 5_500),
    ("劳保用品", "手部", "丁腈手套", "双", 860),
    ("劳保用品", "手部", "防割手套", "双", 2_680),
    ("劳保用品", "头部", "安全帽", "顶", 3_980),
    ("劳保用品", "足部", "防砸安全鞋", "双", 16_800),
    ("劳保用品", "呼吸", "防尘口罩", "盒", 5_900),
    ("润滑油品", "润滑油", "抗磨液压油", "桶", 28_500),
    ("润滑油品", "润滑油", "齿轮油", "桶", 32_600),
    ("润滑油品", "润滑脂", "锂基润滑脂", "桶", 15_800),
    ("润滑油品", "清洗", "工业清洗剂", "桶", 9_900),
    ("润滑油品", "防锈", "防锈油", "桶", 18_200),
    ("工业照明", "室内", "LED工矿灯", "盏", 23_800),
    ("工业照明", "室内", "LED灯管", "支", 1_880),
    ("工业照明", "户外", "LED投光灯", "盏", 12_600),
    ("工业照明", "应急", "应急照明灯", "盏", 6_500),
    ("工业照明", "防爆", "防爆灯", "盏", 36_900),
    ("焊接切割", "焊机", "逆变电焊机", "台", 98_000),
    ("焊接切割", "焊材", "碳钢焊条", "包", 8_600),
    ("焊接切割", "焊材", "不锈钢焊丝", "盘", 26_500),
    ("焊接切割", "防护", "自动变光面罩", "个", 17_500),
    ("焊接切割", "切割", "树脂切割片", "盒", 6_200),
    ("仓储搬运", "货架", "中型货架", "组", 58_000),
    ("仓储搬运", "搬运", "手动液压车", "台", 125_000),
    ("仓储搬运", "搬运", "平板推车", "台", 32_000),
    ("仓储搬运", "容器", "塑料周转箱", "个", 4_600),
    ("仓储搬运", "包装", "缠绕膜", "卷", 5_200),
];

/// The suffix of the name of each size, and its price in percent of the smallest one.
const SIZES: &[(&str, i64)] = &[("标准型", 100), ("加强型", 135), ("专业型", 180)];

/// The number of lines, at the end of the list, whose largest size is discontinued: it exists, but
/// is never ordered.
const DISCONTINUED: usize = 3;

#[derive(Clone)]
pub struct Product {
    /// Also the external id
    pub code: String,
    line: &'static Line,
    size: usize,
    pub active: bool,
}

pub fn products() -> Vec<Product> {
    let all = LINES
        .iter()
        .enumerate()
        .flat_map(|(at, line)| (0..SIZES.len()).map(move |size| (at, line, size)));
    let first_sold = LINES.len() - DISCONTINUED;
    let product = |(at, line, size): (usize, &'static Line, usize)| Product {
        code: format!("P{:03}-{}", at + 1, size + 1),
        line,
        size,
        // Discontinued: the largest size of the last lines.
        active: at < first_sold || size + 1 < SIZES.len(),
    };
    all.map(product).collect()
}

impl Product {
    /// The list price in a year, in fen.
    pub fn price(&self, year: i16) -> i64 {
        let base = self.line.4 * SIZES[self.size].1 / 100;
        // Prices make up 40 % of the growth and are multiples of 0.1 yuan.
        base * (100 + (growth(year) - 100) * 2 / 5) / 100 / 10 * 10
    }

    pub fn category(&self) -> &'static str {
        self.line.0
    }

    pub fn item(&self, year: i16) -> Value {
        let &(category, subcategory, name, unit, _) = self.line;
        let day = |year: i16| format!("{year}-01-01");
        let price = |year: i16| yuan(self.price(year));
        json!({
            "external_id": self.code,
            "code": self.code,
            "name": format!("{name} {}", SIZES[self.size].0),
            "category": category,
            "subcategory": subcategory,
            "unit": unit,
            "list_price": price(year),
            "standard_cost": yuan(self.price(year) * 62 / 100),
            "tax_rate": "13",
            "active": self.active,
            "prices": [
                { "valid_from": day(year - 1), "valid_to": day(year), "price": price(year - 1) },
                { "valid_from": day(year), "valid_to": null, "price": price(year) },
            ],
        })
    }
}
