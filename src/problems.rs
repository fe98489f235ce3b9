//! What the codes of problems mean, in both languages: `GET /problems/{code}`. A test compares the
//! table with the codes that the sources use. The texts of single problems are in the crate `texts`.

use std::borrow::Cow;

/// The Chinese of a problem's text, else of its code.
pub fn chinese(code: &str, english: &str) -> Cow<'static, str> {
    texts::chinese(english).unwrap_or_else(|| {
        let meaning = MEANINGS.iter().find(|meaning| meaning.0 == code);
        meaning.map_or("请求有误。", |meaning| meaning.2).into()
    })
}

/// code, English, 中文
#[rustfmt::skip]
pub const MEANINGS: &[(&str, &str, &str)] = &[
    ("above_invoice", "All credit notes on an invoice together are not more than the invoice.",
        "同一发票的红字发票合计不能超过原发票金额。"),
    ("above_open_amount", "More than is open of the invoice. Look at its open_amount and send at \
        most that.",
        "超过发票未清金额,请查看 open_amount 后重发。"),
    ("above_unapplied", "More than is left of the payment. Look at its unapplied_amount and use \
        at most that.",
        "超过回款未核销金额,请查看 unapplied_amount 后重发。"),
    ("address_refused", "A webhook goes to https and to an address of the internet, without user, \
        password or fragment. The message says which of these it is not.",
        "推送地址必须是 https 的公网地址,且不含用户名、密码和片段,原因见提示。"),
    ("already_called", "A follow-up call has been recorded already.",
        "已登记过回访。"),
    ("already_checked_in", "You have checked in to this visit already.",
        "您已在此拜访签到。"),
    ("already_checked_out", "You have checked out of this visit already.",
        "您已在此拜访签退。"),
    ("already_confirmed", "The customer has confirmed the settlement already.",
        "客户已确认过处理结果。"),
    ("already_dispatched", "The results of this survey have been passed on already; dispatched_at \
        says when.",
        "调查结果已反馈,时间见 dispatched_at。"),
    ("already_explained", "The missed visit has its explanation already.",
        "此未执行的拜访已有说明。"),
    ("already_extended", "A follow-up is extended once. Report what there is, or let it be \
        assigned anew.",
        "跟踪任务只能延期一次,请先汇报,或请安排人重新安排。"),
    ("already_filed", "The complaint has been filed already; filed_no is its number.",
        "该投诉已备案,备案号见 filed_no。"),
    ("already_reversed", "The payment has been reversed already.",
        "该回款已冲销。"),
    ("ambiguous_period_type", "One owner has targets of several period types in this range; say \
        which with period_type.",
        "同一负责人在此区间有多种周期的目标,请用 period_type 指明一种。"),
    ("another_currency", "The two documents are in different currencies. Only the same currency \
        can be set off.",
        "两张单据币种不同,只能同币种核销或更正。"),
    ("another_customer", "The document that is referred to is another customer's.",
        "所引用的单据属于其他客户。"),
    ("attachment_in_use", "Something has this file, so it cannot be deleted. Take it out there, and \
        it goes by itself.",
        "文件正被使用,不能删除。请先在使用处移除,之后会自动清理。"),
    ("authority_exceeded", "The amount is more than your role may decide on; limit says how much \
        that is. Let somebody with a higher authority decide.",
        "金额超出您的权限,上限见 limit,请由权限更高的人处理。"),
    ("batch_too_large", "The lists of all items of a batch have at most 200,000 elements together, \
        and it has to end within two minutes; nothing of this one was written. Send items items at a \
        time, each batch with an Idempotency-Key of its own.",
        "一批数据中各列表合计最多 200,000 个元素,且须在两分钟内完成;本批未写入任何内容。请按 items 所示的条数\
        分批发送,每批使用各自的 Idempotency-Key。"),
    ("body_too_large", "The body is larger than this operation takes: 32 MiB for a batch, 20 MiB \
        for a file, 16 KiB for the answers to a survey, 1 MiB for all else. Send less at a time.",
        "请求内容过大:批量接口最多 32 MiB,文件最多 20 MiB,调查答卷最多 16 KiB,其他最多 1 MiB,\
        请减小后发送。"),
    ("busy", "Others are changing the same rows. Nothing was written; send the same request \
        again.",
        "数据正被他人修改,未写入任何内容,请重新发送同一请求。"),
    ("busy_logging_in", "Too many logins at the same moment. Try again in a second.",
        "同时登录的人过多,请稍后重试。"),
    ("busy_reporting", "Too many reports run at the same moment. Wait as Retry-After says and send it \
        again.",
        "同时运行的报表过多,请按 Retry-After 等待后重试。"),
    ("busy_uploading", "Too many files and bodies are on their way in at the same moment, of yours or of \
        everybody. Wait as Retry-After says and send it again.",
        "同时上传的内容过多,请按 Retry-After 等待后重发。"),
    ("case_open", "The customer has an open risk case already; id says which. Take the next \
        measure there.",
        "该客户已有未结的风险案件,见 id,请在其中采取措施。"),
    ("common_password", "This password is one that attackers try first. Choose another, of at \
        least 10 characters.",
        "该密码过于常见,请换一个至少 10 个字符的密码。"),
    ("complaint_about_you", "The complaint is about you, so somebody else has to decide on it.",
        "该投诉涉及您本人,请由他人处理。"),
    ("contact_erased", "The data of this person was erased and cannot be changed or brought back.",
        "此联系人的个人信息已被清除,不能再修改或恢复。"),
    ("contradiction", "This value does not go together with another one in the request or with \
        what is stored. Leave one of the two out.",
        "该值与请求中的其他值或已有数据矛盾,请去掉其中一个。"),
    ("control_character", "The text holds control characters, or characters that turn the \
        direction of writing. Only line breaks and tabs are taken.",
        "文本含有控制字符或改变书写方向的字符,只允许换行符和制表符。"),
    ("count", "The list has not as many entries as it needs; the message says how many.",
        "列表的项数不符,应有的项数见提示。"),
    ("credit_limit_exceeded", "The customer's credit does not bear this order: reasons says why, the \
        other members how its exposure comes about. Wait for a payment, or ask the credit controller.",
        "客户信用不足:原因见 reasons,占用明细见其他字段。请等待回款,或请信用管理特批。"),
    ("credit_shares", "The shares of the people who are credited with the order must add up to \
        100 percent.",
        "订单各业绩人的分成比例之和必须为 100%。"),
    ("currency_in_use", "The company's currency cannot change any more: orders, targets or \
        limits are counted in it.",
        "已有订单、目标或信用额度以此币种计算,公司币种不能再更改。"),
    ("cursor_expired", "The feed is kept for 90 days, and this cursor is older. Begin a copy with POST \
        /api/v1/changes/snapshot.",
        "变更只保留 90 天,此游标已过期。请用 POST /api/v1/changes/snapshot 重新复制。"),
    ("customer_blacklisted", "The customer is blacklisted, nothing is sold to it. A manager can \
        reinstate it.",
        "该客户在黑名单中,不能下单。可由经理将其移出黑名单。"),
    ("customer_merged", "This customer was merged into another one. Use the customer named in \
        merged_into_id.",
        "该客户已并入另一客户,请改用 merged_into_id 所指的客户。"),
    ("customer_without_owner", "Nobody looks after this customer. Give it an owner first, by a \
        transfer.",
        "该客户没有负责人,请先通过移交指定负责人。"),
    ("cycle", "It would be below itself. Choose another parent.",
        "上级不能是自己或自己的下级,请另选上级。"),
    ("director_required", "A limit above 1.2 times what the investigation recommends is for the \
        sales director; recommended_limit says how much that was.",
        "额度超过调查建议的 1.2 倍,须由销售总部批准,建议额度见 recommended_limit。"),
    ("duplicate", "Another row has this value already, or it stands twice in the request. Choose \
        another, or change the row that has it. Codes, numbers and usernames are unique across source \
        systems: give each system a prefix of its own.",
        "该值已被占用,或在请求中重复。请换一个值,或修改已有的记录。编码、编号和用户名在所有来源系统之间唯一,请为每个来源系统使用各自的前缀。"),
    ("duplicate_field", "The same name stands twice. Send each field and parameter once.",
        "同一字段或参数出现了两次,请只发送一次。"),
    ("empty_file", "The file has no bytes. Send its content as the body.",
        "文件为空,请将文件内容作为请求体发送。"),
    ("epoch_changed", "The database was restored or replaced, so this cursor points nowhere. \
        Begin a copy with POST /api/v1/changes/snapshot.",
        "数据库已恢复或更换,此游标失效。请用 POST /api/v1/changes/snapshot 重新复制。"),
    ("field_not_owned", "Somebody else keeps this field: the ERP, or people. The document names the \
        keeper as x-owner; leave the field out.",
        "该字段由另一方(ERP 或人员)维护,见接口文档的 x-owner,请去掉该字段。"),
    ("field_not_readable", "You may not filter, sort or group by a field that you may not read.",
        "不能按您无权查看的字段筛选、排序或分组。"),
    ("forbidden", "Your role may not do this. GET /api/v1/me lists what you may do.",
        "您的角色没有此权限。可用 GET /api/v1/me 查看自己的权限。"),
    ("forbidden_field", "You may not see or write this field. Leave it out.",
        "您无权查看或填写该字段,请去掉它。"),
    ("foreign_source_system", "A client writes only the external ids of its own source system. \
        Those of a source system with a client are written by that client and by admins.",
        "客户端只能写入自己来源系统的外部编号;已有客户端的来源系统,其外部编号只能由该客户端或管理员写入。"),
    ("format", "The text does not have the form that the field asks for, such as 2026-03-31 for a \
        date or a UUID for an id.",
        "格式不正确,例如日期应为 2026-03-31,编号应为 UUID。"),
    ("fully_escalated", "The complaint has been escalated as far as the director already.",
        "该投诉已升级至最高级别。"),
    ("headers_too_large", "All headers together have at most 32 KiB.",
        "所有请求头合计不得超过 32 KiB。"),
    ("idempotency_key_required", "A program sends an Idempotency-Key header with whatever it \
        creates, so that a repetition makes nothing twice.",
        "程序新建数据时必须带 Idempotency-Key 请求头,以免重复创建。"),
    ("idempotency_key_reused", "This Idempotency-Key came before with another request. Take a new \
        key for each new request.",
        "该 Idempotency-Key 已用于另一请求,每个新请求请使用新的键。"),
    ("if_match_required", "Send If-Match with the ETag that you have read, so that no change of \
        somebody else is lost.",
        "请在 If-Match 中带上读取到的 ETag,以免覆盖他人的修改。"),
    ("image_too_large", "The picture has more than 50 million pixels, more than 16,000 on a side, or \
        takes more than 256 MiB to decode. Make it smaller first.",
        "图片过大:最多 5000 万像素、单边 16000 像素、解码后 256 MiB,请先缩小。"),
    ("in_future", "The time or day is in the future, but what it is about has happened. Correct it, or \
        set the clock of the phone.",
        "时间或日期在未来,而所报事项应已发生,请更正或校准手机时钟。"),
    ("inactive_product", "This product is no longer sold. Choose another, or activate it first.",
        "该产品已停售,请换一个产品或先启用它。"),
    ("instalments_sum", "The instalments must make the total of the invoice together.",
        "分期金额合计必须等于发票总额。"),
    ("internal", "The service failed. It is not your fault; tell the operator the value of \
        instance.",
        "服务器内部错误,请将 instance 的值告知管理员。"),
    ("invalid", "The body is JSON but not what this operation takes; errors names every fault.",
        "请求内容不符合要求,所有问题见 errors。"),
    ("invalid_cursor", "This is no cursor of this list with this filter and sort. Start again \
        without a cursor.",
        "游标与此列表、筛选或排序不符,请不带游标重新开始。"),
    ("invalid_encoding", "The text is not UTF-8. Encode it as UTF-8, in a URL as percent-encoded UTF-8.",
        "文本不是有效的 UTF-8,请以 UTF-8 编码(URL 中使用百分号编码)。"),
    ("invalid_header", "A header is not UTF-8; the detail says which. Encode it, or leave it out.",
        "请求头不是有效的 UTF-8,见 detail,请重新编码或去除。"),
    ("invalid_idempotency_key", "An Idempotency-Key has 1 to 255 visible characters.",
        "Idempotency-Key 应为 1 至 255 个可见字符。"),
    ("invalid_if_match", "If-Match must be one ETag as it was read, such as \"7-ab12\" or \"7\"; \
        * is refused.",
        "If-Match 必须是读取到的一个 ETag,如 \"7-ab12\" 或 \"7\",不接受 *。"),
    ("invalid_path", "A part of the path is no valid id.",
        "路径中的编号无效。"),
    ("invalid_query", "Some query parameters are unknown, repeated or wrong; errors names them.",
        "查询参数未知、重复或有误,详见 errors。"),
    ("investigation_required", "Terms rest on a credit investigation that is concluded and not over. \
        Have the customer investigated first.",
        "交易条件须以有效的信用调查结论为依据,请先进行信用调查。"),
    ("last_admin", "Nobody else is an active administrator. Make somebody else one first.",
        "没有其他启用的管理员,请先任命另一位管理员。"),
    ("lease_lost", "A job took too long and another instance has taken it over. Its work was \
        undone and is done again.",
        "任务超时,已由另一实例接管;本次结果已撤销并会重做。"),
    ("link_expired", "The link was good until a day that is over. Whoever sent it can give you a \
        new one.",
        "链接已过期,请联系发送人获取新链接。"),
    ("malformed_json", "This is no JSON. The detail says where reading it failed.",
        "内容不是有效的 JSON,出错位置见 detail。"),
    ("malformed_multipart", "This is no form with one file. Send multipart/form-data with the file as \
        its only part, or the bytes themselves as the body.",
        "表单格式有误。请以 multipart/form-data 发送且仅含一个文件,或直接以文件内容为请求体。"),
    ("merge_final", "A merge can be undone for 30 days.",
        "合并仅可在 30 天内撤销。"),
    ("method_not_allowed", "This path does not know this method. The Allow header lists those \
        that it knows.",
        "该路径不支持此方法,支持的方法见 Allow 响应头。"),
    ("metric_not_available", "Actuals are not computed for this metric yet.",
        "该指标的实际值暂不支持计算。"),
    ("mismatch", "A target and its parent must have the same metric, level and currency.",
        "目标与上级目标的指标、级别和币种必须一致。"),
    ("name_too_long", "The name of a field has at most 256 bytes.",
        "字段名最长 256 字节。"),
    ("no_exchange_rate", "There is no exchange rate for this currency on that day. Add one under \
        /api/v1/exchange-rates.",
        "当日没有该币种的汇率,请先在 /api/v1/exchange-rates 添加。"),
    ("no_team", "Who leads a team needs one. Send team_id as well.",
        "团队负责人必须属于一个团队,请同时填写 team_id。"),
    ("no_thumbnail", "Only JPEG, PNG and WebP pictures have thumbnails. Show a symbol instead.",
        "只有 JPEG、PNG 和 WebP 图片有缩略图,请改用图标显示。"),
    ("no_write_off", "No write-off of this case has been approved. Ask for one first, naming the \
        case.",
        "该案件尚无已批准的核销申请,请先提交并注明案件。"),
    ("not_a_credit_note", "Only a credit note is used for invoices. An invoice is paid: use a payment for it.",
        "只有红字发票可以核销其他发票;普通发票请用回款核销。"),
    ("not_acceptable", "The Accept header asks for a form that is not served. Ask for \
        application/json.",
        "不提供 Accept 所要求的格式,请使用 application/json。"),
    ("not_available", "This option is part of the API but not built yet. Leave it out.",
        "该选项尚未提供,请去掉它。"),
    ("not_checked_in", "Whoever leaves has come first. Check in before you check out.",
        "尚未签到,请先签到再签退。"),
    ("not_confirmed", "The complaint is not closed before the customer has confirmed the \
        settlement or was called.",
        "客户确认或回访之前,投诉不能关闭。"),
    ("not_filed", "The complaint is not closed before the back office has filed it.",
        "未备案的投诉不能关闭,请先由销售内勤备案。"),
    ("not_found", "Nothing is there, or nothing that you may see.",
        "未找到,或您无权查看。"),
    ("not_merged", "No merge of this customer can be undone.",
        "该客户没有可撤销的合并。"),
    ("not_on_planned_day", "A missed visit can only be begun with a time on the day it was \
        planned for. Plan another one.",
        "补签到的时间须在原计划当天,否则请另行计划。"),
    ("not_posted", "The invoice is not posted, so nobody owes it. Post it first.",
        "发票未过账,尚无应收,请先过账。"),
    ("not_the_author", "Only whoever asked for it hands it in or takes it back.",
        "只有申请人可以提交或撤回。"),
    ("not_the_owner", "Only whoever owns the complaint does this.",
        "只有投诉的负责人可以执行此操作。"),
    ("not_the_reporter", "Only whoever registered the complaint withdraws it.",
        "只有投诉的登记人可以撤诉。"),
    ("not_tried", "Too many rows of this batch are refused by the database, and this one was not \
        reached in time. Send it again without those that failed.",
        "本批次中被数据库拒绝的行过多,此行未及处理,请去除失败行后重发。"),
    ("not_your_complaint", "A complaint is changed by its reporter, its owner and those who \
        accept complaints.",
        "只有登记人、负责人和受理人员可以修改投诉。"),
    ("not_your_follow_up", "Whoever it is assigned to carries it out; whoever assigned it, or \
        leads them, judges it.",
        "跟踪由被安排人执行,由安排人或其上级审核。"),
    ("not_your_person", "Plan and assign for yourself or for the people whom you lead.",
        "只能为自己或下属安排。"),
    ("not_your_target", "You change and approve the targets of your own people and teams only.",
        "您只能处理自己团队和人员的目标。"),
    ("not_your_visit", "Only its owner, and for check-ins those who come along, do this.",
        "只有拜访负责人(签到签退还包括协访人)可以操作。"),
    ("nothing_to_approve", "Only a completed visit that waits for a review has an exception to \
        approve.",
        "只有已完成且待审核的拜访才有例外可批准。"),
    ("order_invoiced", "The order is billed, wholly or in part: invoiced_amount says how much. Give that \
        back by a credit note, then cancel.",
        "订单已开票(金额见 invoiced_amount),请先开红字发票冲回,再取消订单。"),
    ("order_shipped", "Some of the order is on its way already. Let the customer return it by an \
        order with negative quantities.",
        "订单已部分发货,不能取消,请以负数量的退货订单处理。"),
    ("out_of_range", "A value is outside of what can be stored. Check amounts, quantities and \
        dates.",
        "有数值超出可存储的范围,请检查金额、数量和日期。"),
    ("outcome_given", "What came of the visit has been said already.",
        "该拜访的结果已填写。"),
    ("outcome_unknown", "The connection to the database was lost at the moment of saving. Send \
        the same request with the same Idempotency-Key: it takes place once.",
        "保存时与数据库的连接中断,结果未知。请用同一 Idempotency-Key 重发同一请求,只会生效一次。"),
    ("overlap", "Two periods of the list cover the same day. End the first before the next \
        begins.",
        "列表中有两段期间重叠,请让前一段在后一段开始前结束。"),
    ("overlapping_membership", "The person belongs to a team in this period already. End that \
        membership first.",
        "此人在该期间已属于某个团队,请先结束原有归属。"),
    ("own_account", "Nobody locks themselves out. Let another administrator do it.",
        "不能停用自己的账号,请由其他管理员操作。"),
    ("own_scope", "Nobody widens their own scope: not by leading a team, nor by putting people or \
        teams below themself. Ask an administrator.",
        "不能自行扩大自己的数据范围(担任负责人、把人员或团队划到自己名下),请联系管理员。"),
    ("owner_is_subject", "The person complained about does not see to the complaint. Choose \
        somebody else.",
        "被投诉人不能负责处理该投诉,请另选他人。"),
    ("password_not_settable", "Only an administrator and hr set passwords. Leave the password out; \
        the person cannot log in until one of them sets it.",
        "只有管理员和人事可以设置密码,请去掉密码字段;设置密码之前该用户不能登录。"),
    ("period", "The period does not fit: it must begin where such a period begins, and lie within \
        that of the parent.",
        "期间不符:应从该周期的首日开始,并处于上级目标的期间之内。"),
    ("period_not_over", "The target's period is not over, or its last days may still be \
        corrected; closes_on says when it can be closed.",
        "目标期间尚未结束或仍可更正,可关闭的日期见 closes_on。"),
    ("possible_duplicate", "A customer or contact like this one is there already; duplicates \
        names those that you may see. Use it, or send allow_duplicate.",
        "可能已有相同客户或联系人,见 duplicates。请使用已有记录,或发送 allow_duplicate 以继续。"),
    ("post_dated", "The payment is post-dated: before its day it is no money and pays nothing.",
        "该回款为远期款项,到期日前不能核销。"),
    ("posted_immutable", "What is posted stays as it is, but for due date, instalments and the \
        disputed mark. Correct it by a credit note.",
        "已过账的发票除到期日、分期和争议标记外不能修改,请用红字发票更正。"),
    ("range", "The number, date or length is too small or too large; the message names the \
        bounds.",
        "数值、日期或长度超出允许范围,范围见提示。"),
    ("range_not_satisfiable", "The range lies beyond the end of the file; Content-Range says how long \
        it is.",
        "所请求的范围超出文件末尾,文件长度见 Content-Range。"),
    ("request_in_progress", "The first request with this Idempotency-Key is still running. Wait \
        as Retry-After says and send it again.",
        "同一 Idempotency-Key 的请求仍在处理,请按 Retry-After 等待后重发。"),
    ("required", "This field or parameter must be sent.",
        "该字段或参数必填。"),
    ("roles_exceed_yours", "The person has roles or a scope that you do not have. Only an \
        administrator changes such a person.",
        "该用户的角色或数据范围超出您的权限,只能由管理员修改。"),
    ("roles_not_grantable", "Only administrators grant roles, and clients have those for \
        programs. Leave roles out.",
        "只有管理员可以授予角色,请去掉 roles。"),
    ("same_currency", "A currency and itself need no exchange rate.",
        "同一币种之间不需要汇率。"),
    ("same_customer", "A customer cannot be merged with itself.",
        "不能将客户与其自身合并。"),
    ("scope_changed", "What you may see has changed, so this cursor is no good. Begin a \
        copy with POST /api/v1/changes/snapshot.",
        "您的可见范围已变化,此游标失效。请用 POST /api/v1/changes/snapshot 重新复制。"),
    ("second_factor_required", "The password is right, and the account has a second factor. Send the \
        same with otp: a code of the authenticator app, or a recovery code.",
        "密码正确,但该账号启用了第二因素,请在 otp 中附上动态验证码或恢复码后重发。"),
    ("second_factor_setup_required", "Your roles work only with a second factor, and you have none. \
        Set one up with POST /me/second-factor.",
        "您的角色必须使用第二因素,请先通过 POST /me/second-factor 设置。"),
    ("self_approval", "Nobody approves what they asked for or drafted, nor what is their own. \
        Somebody else has to.",
        "不能审批自己申请、起草或属于自己的事项,请由他人审批。"),
    ("softer_measure", "A harder measure has been taken in this case already.",
        "该案件已采取更严厉的措施。"),
    ("stale", "Somebody changed it since you read it; current holds the present values. Read it \
        again and repeat your change.",
        "读取之后数据已被他人修改,现值见 current。请重新读取后再修改。"),
    ("still_referenced", "Other rows refer to it, so it cannot be deleted. Deactivate it instead, \
        or remove those first.",
        "仍被其他数据引用,不能删除。请改为停用,或先删除引用它的数据。"),
    ("storage_unavailable", "The place where files are kept cannot be reached, or is full. Wait as \
        Retry-After says and send the same request again.",
        "文件存储暂时不可用,请按 Retry-After 等待后重发同一请求。"),
    ("sum_of_lines", "The order's amount is not the sum of its lines. It may differ by one minor \
        unit per line at the most.",
        "订单金额与明细之和不符,每行最多允许相差一个最小货币单位。"),
    ("survey_answered", "A link to a survey is good for one answer, and that has been given.",
        "每个调查链接只能提交一次,该链接已提交。"),
    ("survey_closed", "The survey is over and takes no more answers.",
        "调查已结束,不再接收答卷。"),
    ("target_approved", "An approved target changes by its value, with a reason, only.",
        "目标已审批,只能修改目标值并说明原因。"),
    ("target_closed", "The target is closed and stays as it is.",
        "目标已关闭,不能再修改。"),
    ("target_has_parts", "Other targets are parts of this one. Delete those first.",
        "该目标已有下级目标,请先删除它们。"),
    ("target_under_allocated", "The parts of this target add up to less than its value. Raise the \
        parts first, or lower the target.",
        "下级目标之和小于该目标,请先提高下级目标或降低该目标。"),
    ("team_cycle", "A team would be below itself. Choose another parent.",
        "团队不能隶属于自己或自己的下级,请另选上级。"),
    ("timeout", "The database did not answer in time. Ask for less, or try again.",
        "数据库未及时响应,请缩小范围或稍后重试。"),
    ("too_few", "The list has too few entries.",
        "列表项数过少。"),
    ("too_few_attempts", "A prospect is given up after three visits over two weeks at the \
        earliest. attempts and days say how many there were.",
        "潜在客户至少拜访三次、历时两周后才能放弃;attempts 与 days 为现有次数与天数。"),
    ("too_late_to_reopen", "The complaint was closed too long ago; days says how long it can be \
        reopened. Register a new one.",
        "投诉关闭已久,不能重新打开(期限见 days),请登记新的投诉。"),
    ("too_long", "The text is too long; the message names the limit in characters.",
        "文本过长,上限见提示。"),
    ("too_many", "The list has too many entries; the message names the limit. Send several \
        requests.",
        "列表项数过多,上限见提示,请分多次发送。"),
    ("too_many_attempts", "Too many failed logins. Wait as Retry-After says.",
        "登录失败次数过多,请按 Retry-After 等待后重试。"),
    ("too_many_pending", "100,000 items of this system wait for something that has not arrived. Bring \
        it, or give some up: GET /pending-items lists them.",
        "该系统已有 100,000 条数据在等待引用,请先补齐所引用的数据,或在 /pending-items 中放弃部分数据。"),
    ("too_many_reports", "You have too many reports running at the same moment. Wait as Retry-After says, \
        or read one after the other.",
        "您同时运行的报表过多,请按 Retry-After 等待,或逐个查询。"),
    ("too_many_requests", "There are too many requests from this address. Wait as Retry-After \
        says.",
        "来自该地址的请求过多,请按 Retry-After 等待后重试。"),
    ("too_many_rows", "The report has more than 200,000 rows. Narrow it, or ask for CSV, which \
        has no limit but where empty=include makes more than 2,000,000. A list as CSV has at most \
        10,000 rows: narrow it, or read it page by page with `limit`.",
        "报表超过 20 万行,请缩小范围,或改用 CSV;empty=include 产生超过 200 万行时 CSV 也不可用。\
        列表的 CSV 最多 1 万行,请缩小范围,或用 limit 分页读取。"),
    ("too_many_webhooks", "There are as many webhooks as there can be. Delete one that is not needed.",
        "推送订阅已达上限,请先删除不用的订阅。"),
    ("too_old", "It came too late: the company takes what a phone sends for some days only.",
        "补传已超过公司允许的天数。"),
    ("too_short", "The text is too short; the message names the least length. Text of invisible \
        characters only counts as empty.",
        "文本过短,最短长度见提示。仅由不可见字符组成的文本视为空。"),
    ("transfer_applied", "The transfer has taken place already and cannot be called off. Transfer \
        the customer back instead.",
        "移交已经生效,不能取消。可再次移交回去。"),
    ("type", "The value has another type than the document says. Amounts, quantities and \
        percentages are strings such as \"12.50\".",
        "值的类型不符。金额、数量和百分比应为字符串,如 \"12.50\"。"),
    ("unauthorized", "The request has no valid access token. Log in, or refresh the token, and \
        send it as Bearer.",
        "没有有效的访问令牌,请登录或刷新令牌后以 Bearer 方式发送。"),
    ("unavailable", "The database cannot be reached at the moment. Wait as Retry-After says and \
        send the same request again.",
        "暂时无法连接数据库,请按 Retry-After 等待后重发同一请求。"),
    ("unit_price_required", "The list price is in the company's currency and cannot be used here. \
        Send the unit prices in the currency of the order.",
        "目录价为公司币种,此处无法换算,请以订单币种填写单价。"),
    ("unknown_field", "There is no such field or parameter. Check its spelling against the API \
        document.",
        "没有该字段或参数,请对照接口文档检查拼写。"),
    ("unknown_reference", "Nothing that you may see has this id. Check it, or send the row that \
        it names first.",
        "没有您可见的对应记录。请检查编号,或先提交所引用的记录。"),
    ("unknown_value", "This is none of the values that the field takes; the document lists them.",
        "不是该字段允许的值,允许的值见接口文档。"),
    ("unreadable_body", "The body ended early or took longer than 25 seconds to arrive; a file may \
        take a second more for every 32 KiB. Send it again.",
        "请求内容不完整或超过 25 秒仍未送达(文件每 32 KiB 可多 1 秒),请重新发送。"),
    ("unreadable_image", "This begins like a picture but cannot be read to its end. Take or send it \
        again.",
        "图片已损坏或不完整,无法读取,请重新拍摄或发送。"),
    ("unsupported_file", "Files of this type are not taken, whatever they are called. The detail lists \
        those that are; text must be UTF-8, Word and Excel without macros.",
        "不支持此类文件(按内容而非文件名判断),支持的类型见 detail;文本须为 UTF-8,Office 文件不得含宏。"),
    ("unsupported_media_type", "Send the body uncompressed as application/json; a batch may also \
        be application/x-ndjson, a form only where the document says so.",
        "请以未压缩的 application/json 发送;批量接口也可用 application/x-ndjson。"),
    ("uri_too_long", "Path and query together have at most 8 KiB. Filter by fewer values.",
        "路径与查询参数合计不得超过 8 KiB,请减少筛选条件。"),
    ("visit_in_progress", "You have a visit in progress, visit_id. Check out of it or abandon it first.",
        "您有进行中的拜访(visit_id),请先签退或中止。"),
    ("wrong_credentials", "The name or the password is wrong, or the person may not log in.",
        "用户名或密码错误,或该用户不能登录。"),
    ("wrong_password", "This is not your current password.",
        "当前密码不正确。"),
    ("wrong_second_factor", "Not a code of the second factor, or one that was used before. Wait for \
        the next code of the authenticator app.",
        "动态验证码不正确或已使用过,请等待下一个验证码。"),
    ("wrong_status", "This step cannot be taken from the present status, which the problem names.",
        "当前状态不允许此操作,现状态见返回内容。"),
];
