//! Texts of complaints, with their causes and answers.

/// A topic of complaints in one category. Topics of quality and after-sales service also belong to
/// a category of products.
pub struct Topic {
    pub category: &'static str,
    /// The category of products; empty if no product is concerned
    pub products: &'static str,
    pub sayings: &'static [&'static str],
    pub causes: &'static [&'static str],
    pub on_the_spot: &'static [&'static str],
    pub answers: &'static [&'static str],
}

const fn quality(
    products: &'static str,
    sayings: &'static [&'static str],
    causes: &'static [&'static str],
) -> Topic {
    Topic {
        category: "quality",
        products,
        sayings,
        causes,
        on_the_spot: &["当场更换新品", "当场退货"],
        answers: &["换货,并承担运费", "退货并全额退款", "派技术人员上门检测后换货"],
    }
}

const fn after_sales(products: &'static str, sayings: &'static [&'static str]) -> Topic {
    Topic {
        category: "after_sales",
        products,
        sayings,
        causes: &["备件库存不足", "维修站人手不够"],
        on_the_spot: &["当场借用备机", "当场更换易损件"],
        answers: &["派技术人员上门维修", "寄送备件并延长保修"],
    }
}

const fn plain(
    category: &'static str,
    sayings: &'static [&'static str],
    causes: &'static [&'static str],
    on_the_spot: &'static [&'static str],
    answers: &'static [&'static str],
) -> Topic {
    Topic { category, products: "", sayings, causes, on_the_spot, answers }
}

pub const TOPICS: &[Topic] = &[
    quality(
        "电动工具",
        &["电机异响,要求换货", "外壳开裂", "电池充不满电"],
        &["供应商批次问题", "运输受压"],
    ),
    quality("手动工具", &["钳口崩裂", "手柄松动", "刻度不准"], &["热处理不合格", "供应商批次问题"]),
    quality(
        "紧固件",
        &["螺纹尺寸与图纸不符", "镀层生锈", "强度等级标识不清"],
        &["供应商批次问题", "包装不防潮"],
    ),
    quality(
        "劳保用品",
        &["手感发硬,穿戴一天就破", "尺码偏小", "缺少检验标志"],
        &["供应商批次问题", "采购换了型号"],
    ),
    quality(
        "润滑油品",
        &["桶盖渗漏", "油品浑浊", "粘度与标注不符"],
        &["密封垫老化", "供应商批次问题"],
    ),
    quality(
        "工业照明",
        &["亮一周就闪烁", "防水等级达不到标注", "色温不一致"],
        &["驱动电源批次问题", "供应商批次问题"],
    ),
    quality(
        "焊接切割",
        &["焊接时飞溅严重", "切割片崩裂", "面罩变光迟钝"],
        &["受潮", "供应商批次问题"],
    ),
    quality(
        "仓储搬运",
        &["车轮卡滞", "层板变形,承重不足", "液压漏油"],
        &["供应商批次问题", "运输受压"],
    ),
    after_sales("电动工具", &["维修等了两周", "备用电池一直没有货"]),
    after_sales("焊接切割", &["焊机维修等了两周", "配件一直没有货"]),
    after_sales("仓储搬运", &["液压车报修无人上门", "备件一直没有货"]),
    plain(
        "delivery",
        &["送货晚了三天,产线停工", "少发两箱", "外包装破损"],
        &["仓库拣货错误", "物流延误", "包装不牢"],
        &["当场补发", "当场清点并补单"],
        &["次日补发,并承担运费", "减免运费并致歉"],
    ),
    plain(
        "price",
        &["发票价格与合同不符", "同行拿到的价格更低"],
        &["系统资料未更新", "促销价未同步"],
        &["当场核对合同价"],
        &["退差价", "重开发票"],
    ),
    plain(
        "service_attitude",
        &["电话没人接", "业务员答应的事没有办"],
        &["交接遗漏", "人员变动"],
        &["当面致歉并说明"],
        &["经理登门致歉", "更换对接人"],
    ),
    plain(
        "document",
        &["缺少合格证", "发票抬头写错"],
        &["单据未随货", "系统资料未更新"],
        &["当场补交单据"],
        &["补开单据并快递寄出"],
    ),
    plain(
        "other",
        &["希望增加自提点", "微信公众号查不到订单"],
        &["需求未纳入计划"],
        &["当面说明并记录"],
        &["已列入改进计划"],
    ),
];

/// The relative frequency of each category of complaints.
pub const CATEGORIES: &[(&str, i64)] = &[
    ("quality", 40),
    ("delivery", 20),
    ("price", 12),
    ("service_attitude", 8),
    ("document", 8),
    ("after_sales", 9),
    ("other", 3),
];
