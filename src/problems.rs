//! Meanings of problem codes in both languages, for `GET /problems/{code}`. A test compares the
//! table with the codes that the sources use. The texts of individual problems are in the crate
//! `texts`.

use std::borrow::Cow;

/// Returns the Chinese translation of a problem's text, or else the meaning of its code.
pub fn chinese(code: &str, english: &str) -> Cow<'static, str> {
    // The definition of the type has this text in the language of the reader.
    if code == "refused_by_guard" && !english.is_ascii() {
        return english.to_owned().into();
    }
    texts::chinese(english).unwrap_or_else(|| {
        let meaning = MEANINGS.iter().find(|meaning| meaning.0 == code);
        meaning.map_or("请求有误。", |meaning| meaning.2).into()
    })
}

/// Code, English, 中文. Sorted by code.
#[rustfmt::skip]
pub const MEANINGS: &[(&str, &str, &str)] = &[
    ("above_invoice", "The credit notes on an invoice must not add up to more than the invoice.",
        "同一发票的红字发票合计不能超过原发票金额。"),
    ("above_open_amount", "The amount is more than the open amount of the invoice. Send at most \
        its `open_amount`.",
        "超过发票未清金额,请查看 open_amount 后重发。"),
    ("above_unapplied", "The amount is more than what is left of the payment. Use at most its \
        `unapplied_amount`.",
        "超过回款未核销金额,请查看 unapplied_amount 后重发。"),
    ("address_refused", "A webhook needs an https address on the public internet, without user, \
        password or fragment. The message says which condition is not met.",
        "推送地址必须是 https 的公网地址,且不含用户名、密码和片段,原因见提示。"),
    ("already_called", "A follow-up call is recorded already.",
        "已登记过回访。"),
    ("already_checked_in", "You have already checked in to this visit.",
        "您已在此拜访签到。"),
    ("already_checked_out", "You have already checked out of this visit.",
        "您已在此拜访签退。"),
    ("already_confirmed", "The customer has already confirmed the settlement.",
        "客户已确认过处理结果。"),
    ("already_dispatched", "The results of this survey were dispatched already, at the time in \
        `dispatched_at`.",
        "调查结果已反馈,时间见 dispatched_at。"),
    ("already_explained", "The missed visit is explained already.",
        "此未执行的拜访已有说明。"),
    ("already_extended", "A follow-up can be extended only once. Report its result, or ask for a \
        new assignment.",
        "跟踪任务只能延期一次,请先汇报,或请安排人重新安排。"),
    ("already_filed", "The complaint is filed already; `filed_no` is its number.",
        "该投诉已备案,备案号见 filed_no。"),
    ("already_reversed", "The payment is reversed already.",
        "该回款已冲销。"),
    ("ambiguous_period_type", "An owner has targets of several period types in this range. Choose \
        one with `period_type`.",
        "同一负责人在此区间有多种周期的目标,请用 period_type 指明一种。"),
    ("another_currency", "The two documents have different currencies. Only documents in the same \
        currency can be set off or corrected by each other.",
        "两张单据币种不同,只能同币种核销或更正。"),
    ("another_customer", "The referenced document belongs to another customer.",
        "所引用的单据属于其他客户。"),
    ("attachment_in_use", "The file is in use, so it cannot be deleted. Remove it where it is \
        used; it is then deleted automatically.",
        "文件正被使用,不能删除。请先在使用处移除,之后会自动清理。"),
    ("authority_exceeded", "The amount exceeds what your role may decide, which is `limit`. Ask \
        someone with a higher authority.",
        "金额超出您的权限,上限见 limit,请由权限更高的人处理。"),
    ("batch_too_large", "All lists in a batch may have at most 200,000 elements together, and the \
        batch has to finish within two minutes. Nothing was written. Send at most `items` items at \
        a time, and each batch with its own Idempotency-Key.",
        "一批数据中各列表合计最多 200,000 个元素,且须在两分钟内完成;本批未写入任何内容。请按 items 所示的条数\
        分批发送,每批使用各自的 Idempotency-Key。"),
    ("body_too_large", "The body is too large: at most 32 MiB for a batch, 20 MiB for a file, 16 \
        KiB for survey answers and 1 MiB otherwise. Send less at a time.",
        "请求内容过大:批量接口最多 32 MiB,文件最多 20 MiB,调查答卷最多 16 KiB,其他最多 1 MiB,\
        请减小后发送。"),
    ("busy", "Other requests are changing the same rows. Nothing was written; repeat the request.",
        "数据正被他人修改,未写入任何内容,请重新发送同一请求。"),
    ("busy_logging_in", "Too many people are logging in at the same time. Try again in a second.",
        "同时登录的人过多,请稍后重试。"),
    ("busy_reporting", "Too many reports are running at the same time. Wait as long as Retry-After \
        says and try again.",
        "同时运行的报表过多,请按 Retry-After 等待后重试。"),
    ("busy_uploading", "Too many files and request bodies, of yours or of all callers, are being \
        uploaded at the same time. Wait as long as Retry-After says and try again.",
        "同时上传的内容过多,请按 Retry-After 等待后重发。"),
    ("case_open", "The customer already has an open risk case, see `id`. Take the next measure in \
        that case.",
        "该客户已有未结的风险案件,见 id,请在其中采取措施。"),
    ("common_password", "This password is one of the first that attackers try. Choose another one \
        of at least 10 characters.",
        "该密码过于常见,请换一个至少 10 个字符的密码。"),
    ("complaint_about_you", "The complaint is about you, so someone else has to handle it.",
        "该投诉涉及您本人,请由他人处理。"),
    ("contact_erased", "The personal data of this contact was erased and can no longer be changed \
        or restored.",
        "此联系人的个人信息已被清除,不能再修改或恢复。"),
    ("contradiction", "This value contradicts another value in the request or the stored data. \
        Leave one of the two out.",
        "该值与请求中的其他值或已有数据矛盾,请去掉其中一个。"),
    ("control_character", "The text contains control characters or characters that change the \
        direction of writing. Only line breaks and tabs are allowed.",
        "文本含有控制字符或改变书写方向的字符,只允许换行符和制表符。"),
    ("count", "The list does not have the required number of entries, which the message names.",
        "列表的项数不符,应有的项数见提示。"),
    ("credit_limit_exceeded", "The customer's credit is not sufficient for this order: `reasons` \
        says why, and the other members break the exposure down. Wait for a payment, or ask the \
        credit controller.",
        "客户信用不足:原因见 reasons,占用明细见其他字段。请等待回款,或请信用管理特批。"),
    ("credit_shares", "The shares of the people credited with the order must add up to 100 \
        percent.",
        "订单各业绩人的分成比例之和必须为 100%。"),
    ("currency_in_use", "The company's currency can no longer be changed, because orders, targets \
        or credit limits use it.",
        "已有订单、目标或信用额度以此币种计算,公司币种不能再更改。"),
    ("cursor_expired", "The change feed keeps 90 days, and this cursor is older. Start a new copy \
        with POST /api/v1/changes/snapshot.",
        "变更只保留 90 天,此游标已过期。请用 POST /api/v1/changes/snapshot 重新复制。"),
    ("customer_blacklisted", "The customer is blacklisted and cannot be sold to. A manager can \
        reinstate it.",
        "该客户在黑名单中,不能下单。可由经理将其移出黑名单。"),
    ("customer_merged", "This customer was merged into another one. Use the customer in \
        `merged_into_id`.",
        "该客户已并入另一客户,请改用 merged_into_id 所指的客户。"),
    ("customer_without_owner", "The customer has no owner. Assign one first with a transfer.",
        "该客户没有负责人,请先通过移交指定负责人。"),
    ("cycle", "A row cannot be below itself or below one of its own children. Choose another \
        parent.",
        "上级不能是自己或自己的下级,请另选上级。"),
    ("director_required", "A limit above 1.2 times the recommendation of the investigation needs \
        the approval of the sales director; `recommended_limit` is the recommendation.",
        "额度超过调查建议的 1.2 倍,须由销售总部批准,建议额度见 recommended_limit。"),
    ("duplicate", "This value is used by another row, or twice in the request. Choose another \
        value, or change the existing row. Codes, numbers and usernames are unique across source \
        systems: give each system its own prefix.",
        "该值已被占用,或在请求中重复。请换一个值,或修改已有的记录。编码、编号和用户名在所有来源系统之间唯一,请为每个来源系统使用各自的前缀。"),
    ("duplicate_field", "The same field or parameter was sent twice. Send each one once.",
        "同一字段或参数出现了两次,请只发送一次。"),
    ("empty_file", "The file is empty. Send its content as the body.",
        "文件为空,请将文件内容作为请求体发送。"),
    ("epoch_changed", "The database was restored or replaced, so this cursor is no longer valid. \
        Start a new copy with POST /api/v1/changes/snapshot.",
        "数据库已恢复或更换,此游标失效。请用 POST /api/v1/changes/snapshot 重新复制。"),
    ("field_not_owned", "This field is maintained by the other side: by the ERP or by people. The \
        API document names the owner as `x-owner`. Leave the field out.",
        "该字段由另一方(ERP 或人员)维护,见接口文档的 x-owner,请去掉该字段。"),
    ("field_not_readable", "You cannot filter, sort or group by a field that you may not read.",
        "不能按您无权查看的字段筛选、排序或分组。"),
    ("forbidden", "Your role does not permit this operation. GET /api/v1/me lists your \
        permissions.",
        "您的角色没有此权限。可用 GET /api/v1/me 查看自己的权限。"),
    ("forbidden_field", "You may not read or write this field. Leave it out.",
        "您无权查看或填写该字段,请去掉它。"),
    ("foreign_source_system", "A client can write only external ids of its own source system. If a \
        source system has a client, only that client and admins can write its external ids.",
        "客户端只能写入自己来源系统的外部编号;已有客户端的来源系统,其外部编号只能由该客户端或管理员写入。"),
    ("format", "The text does not have the required format, such as 2026-03-31 for a date or a \
        UUID for an id.",
        "格式不正确,例如日期应为 2026-03-31,编号应为 UUID。"),
    ("fully_escalated", "The complaint is already escalated to the highest level.",
        "该投诉已升级至最高级别。"),
    ("headers_too_large", "All headers together may have at most 32 KiB.",
        "所有请求头合计不得超过 32 KiB。"),
    ("idempotency_key_required", "Programs must send an Idempotency-Key header with every request \
        that creates something, so that a repeated request does not create it twice.",
        "程序新建数据时必须带 Idempotency-Key 请求头,以免重复创建。"),
    ("idempotency_key_reused", "This Idempotency-Key was used for another request. Use a new key \
        for each new request.",
        "该 Idempotency-Key 已用于另一请求,每个新请求请使用新的键。"),
    ("if_match_required", "Send If-Match with the ETag that you read, so that you do not overwrite \
        changes made by others.",
        "请在 If-Match 中带上读取到的 ETag,以免覆盖他人的修改。"),
    ("image_too_large", "The picture is too large: at most 50 million pixels, 16,000 pixels on a \
        side and 256 MiB when decoded. Make it smaller first.",
        "图片过大:最多 5000 万像素、单边 16000 像素、解码后 256 MiB,请先缩小。"),
    ("immutable", "This part of a definition cannot be changed, because existing objects and readers of \
        the change feed rely on it. Define another type instead.",
        "定义的这一部分不能修改,现有对象和变更流的读者依赖它。请另行定义类型。"),
    ("in_future", "The time or day is in the future, but the reported event must have happened \
        already. Correct it, or set the clock of the phone.",
        "时间或日期在未来,而所报事项应已发生,请更正或校准手机时钟。"),
    ("in_use", "Unfinished objects use what the change would remove; `ids` names some of them. Finish \
        them first, or keep it.",
        "未结束的对象正在使用要删除的内容(ids 列出其中一部分),请先结束它们或保留该内容。"),
    ("inactive_product", "This product is no longer sold. Choose another product, or activate it \
        first.",
        "该产品已停售,请换一个产品或先启用它。"),
    ("instalments_sum", "The instalments must add up to the total of the invoice.",
        "分期金额合计必须等于发票总额。"),
    ("internal", "The service failed, which is not your fault. Send the value of `instance` to the \
        operator.",
        "服务器内部错误,请将 instance 的值告知管理员。"),
    ("invalid", "The body is not what this operation requires; `errors` lists every fault.",
        "请求内容不符合要求,所有问题见 errors。"),
    ("invalid_cursor", "This cursor does not belong to this list with this filter and sort. Start \
        again without a cursor.",
        "游标与此列表、筛选或排序不符,请不带游标重新开始。"),
    ("invalid_encoding", "The text is not valid UTF-8. Encode it as UTF-8, and in a URL as \
        percent-encoded UTF-8.",
        "文本不是有效的 UTF-8,请以 UTF-8 编码(URL 中使用百分号编码)。"),
    ("invalid_expression", "The expression cannot be read, uses a name or type that does not fit, or is too \
        costly. The message names the reason.",
        "表达式无法解析、使用了不存在的名称或类型不符,或过于复杂,原因见说明。"),
    ("invalid_header", "A header is not valid UTF-8; `detail` names it. Encode it again, or leave \
        it out.",
        "请求头不是有效的 UTF-8,见 detail,请重新编码或去除。"),
    ("invalid_idempotency_key", "An Idempotency-Key must have 1 to 255 visible characters.",
        "Idempotency-Key 应为 1 至 255 个可见字符。"),
    ("invalid_if_match", "If-Match must be a single ETag as you read it, such as \"7-ab12\" or \
        \"7\"; * is not accepted.",
        "If-Match 必须是读取到的一个 ETag,如 \"7-ab12\" 或 \"7\",不接受 *。"),
    ("invalid_path", "The path contains an invalid id.",
        "路径中的编号无效。"),
    ("invalid_query", "Some query parameters are unknown, repeated or invalid; `errors` lists \
        them.",
        "查询参数未知、重复或有误,详见 errors。"),
    ("investigation_required", "Trading terms need a valid conclusion of a credit investigation. \
        Have the customer investigated first.",
        "交易条件须以有效的信用调查结论为依据,请先进行信用调查。"),
    ("last_admin", "There is no other active administrator. Appoint another one first.",
        "没有其他启用的管理员,请先任命另一位管理员。"),
    ("lease_lost", "A job took too long, and another instance took it over. Its result was rolled \
        back and will be computed again.",
        "任务超时,已由另一实例接管;本次结果已撤销并会重做。"),
    ("link_expired", "The link has expired. Ask the sender for a new one.",
        "链接已过期,请联系发送人获取新链接。"),
    ("malformed_json", "The body is not valid JSON; `detail` names the position of the error.",
        "内容不是有效的 JSON,出错位置见 detail。"),
    ("malformed_multipart", "The form is malformed. Send multipart/form-data with the file as its \
        only part, or send the bytes of the file as the body.",
        "表单格式有误。请以 multipart/form-data 发送且仅含一个文件,或直接以文件内容为请求体。"),
    ("merge_final", "A merge can be undone only within 30 days.",
        "合并仅可在 30 天内撤销。"),
    ("method_not_allowed", "This path does not support this method. The Allow header lists the \
        supported methods.",
        "该路径不支持此方法,支持的方法见 Allow 响应头。"),
    ("metric_not_available", "Actuals are not available for this metric yet.",
        "该指标的实际值暂不支持计算。"),
    ("mismatch", "A target and its parent must have the same metric, level and currency.",
        "目标与上级目标的指标、级别和币种必须一致。"),
    ("name_too_long", "The name of a field may have at most 256 bytes.",
        "字段名最长 256 字节。"),
    ("no_exchange_rate", "There is no exchange rate for this currency on that day. Add one under \
        /api/v1/exchange-rates.",
        "当日没有该币种的汇率,请先在 /api/v1/exchange-rates 添加。"),
    ("no_team", "The leader of a team must belong to a team. Send `team_id` as well.",
        "团队负责人必须属于一个团队,请同时填写 team_id。"),
    ("no_thumbnail", "Only JPEG, PNG and WebP pictures have thumbnails. Show an icon instead.",
        "只有 JPEG、PNG 和 WebP 图片有缩略图,请改用图标显示。"),
    ("no_write_off", "No write-off is approved for this case. Request one first and name the case.",
        "该案件尚无已批准的核销申请,请先提交并注明案件。"),
    ("not_a_credit_note", "Only a credit note can be applied to other invoices. Use a payment to \
        settle an ordinary invoice.",
        "只有红字发票可以核销其他发票;普通发票请用回款核销。"),
    ("not_acceptable", "The Accept header requests a format that is not available. Request \
        application/json.",
        "不提供 Accept 所要求的格式,请使用 application/json。"),
    ("not_available", "This option is not available yet. Leave it out.",
        "该选项尚未提供,请去掉它。"),
    ("not_checked_in", "You have not checked in. Check in before you check out.",
        "尚未签到,请先签到再签退。"),
    ("not_confirmed", "The complaint cannot be closed before the customer has confirmed the \
        settlement or a follow-up call is recorded.",
        "客户确认或回访之前,投诉不能关闭。"),
    ("not_filed", "The complaint cannot be closed before the back office has filed it.",
        "未备案的投诉不能关闭,请先由销售内勤备案。"),
    ("not_found", "The resource does not exist, or you may not see it.",
        "未找到,或您无权查看。"),
    ("not_merged", "This customer has no merge that can be undone.",
        "该客户没有可撤销的合并。"),
    ("not_on_planned_day", "A late check-in to a missed visit must have a time on the planned day. \
        Otherwise, plan another visit.",
        "补签到的时间须在原计划当天,否则请另行计划。"),
    ("not_posted", "The invoice is not posted, so there is no receivable yet. Post it first.",
        "发票未过账,尚无应收,请先过账。"),
    ("not_the_author", "Only the person who made the request can submit or withdraw it.",
        "只有申请人可以提交或撤回。"),
    ("not_the_owner", "Only the owner of the complaint can do this.",
        "只有投诉的负责人可以执行此操作。"),
    ("not_the_reporter", "Only the person who registered the complaint can withdraw it.",
        "只有投诉的登记人可以撤诉。"),
    ("not_tried", "The database refused too many rows of this batch, and this row was not \
        processed. Send it again without the rows that failed.",
        "本批次中被数据库拒绝的行过多,此行未及处理,请去除失败行后重发。"),
    ("not_your_complaint", "Only its reporter, its owner and the people who accept complaints can \
        change a complaint.",
        "只有登记人、负责人和受理人员可以修改投诉。"),
    ("not_your_follow_up", "The assignee carries out a follow-up. The person who assigned it, or \
        someone who leads the assignee, reviews it.",
        "跟踪由被安排人执行,由安排人或其上级审核。"),
    ("not_your_object", "The definition of the type reserves this to others: to the owner, the author, the \
        leaders of the owner, or certain roles.",
        "对象类型的定义只允许其他人执行此操作(负责人、创建人、负责人的上级或指定角色)。"),
    ("not_your_person", "You can plan and assign only for yourself and for the people whom you \
        lead.",
        "只能为自己或下属安排。"),
    ("not_your_target", "You can change and approve only targets of your own people and teams.",
        "您只能处理自己团队和人员的目标。"),
    ("not_your_visit", "Only the owner of the visit can do this; companions can check in and out.",
        "只有拜访负责人(签到签退还包括协访人)可以操作。"),
    ("nothing_to_approve", "Only a completed visit that is pending review has an exception to \
        approve.",
        "只有已完成且待审核的拜访才有例外可批准。"),
    ("order_invoiced", "The order is invoiced, wholly or in part, with the amount in \
        `invoiced_amount`. Reverse that with a credit note, then cancel the order.",
        "订单已开票(金额见 invoiced_amount),请先开红字发票冲回,再取消订单。"),
    ("order_shipped", "The order is partly shipped and cannot be cancelled. Enter the return as an \
        order with negative quantities.",
        "订单已部分发货,不能取消,请以负数量的退货订单处理。"),
    ("out_of_range", "A value is out of the range that can be stored. Check amounts, quantities \
        and dates.",
        "有数值超出可存储的范围,请检查金额、数量和日期。"),
    ("outcome_given", "The visit already has an outcome.",
        "该拜访的结果已填写。"),
    ("outcome_unknown", "The connection to the database was lost while saving, so the outcome is \
        unknown. Repeat the same request with the same Idempotency-Key: it takes effect only once.",
        "保存时与数据库的连接中断,结果未知。请用同一 Idempotency-Key 重发同一请求,只会生效一次。"),
    ("overlap", "Two periods in the list overlap. End the first before the second begins.",
        "列表中有两段期间重叠,请让前一段在后一段开始前结束。"),
    ("overlapping_membership", "The person already belongs to a team in this period. End that \
        membership first.",
        "此人在该期间已属于某个团队,请先结束原有归属。"),
    ("own_account", "You cannot deactivate your own account. Ask another administrator.",
        "不能停用自己的账号,请由其他管理员操作。"),
    ("own_scope", "You cannot widen your own scope, either by leading a team or by moving people \
        or teams below yourself. Ask an administrator.",
        "不能自行扩大自己的数据范围(担任负责人、把人员或团队划到自己名下),请联系管理员。"),
    ("owner_is_subject", "A person cannot handle a complaint about themselves. Choose someone \
        else.",
        "被投诉人不能负责处理该投诉,请另选他人。"),
    ("password_not_settable", "Only administrators and HR can set passwords. Leave the password \
        out; the person cannot log in until it is set.",
        "只有管理员和人事可以设置密码,请去掉密码字段;设置密码之前该用户不能登录。"),
    ("period", "The period does not fit: it must start on the first day of such a period, and lie \
        within the period of the parent target.",
        "期间不符:应从该周期的首日开始,并处于上级目标的期间之内。"),
    ("period_not_over", "The period of the target is not over, or can still be corrected. The \
        target can be closed from `closes_on`.",
        "目标期间尚未结束或仍可更正,可关闭的日期见 closes_on。"),
    ("possible_duplicate", "A similar customer or contact may exist already; `duplicates` lists \
        those that you may see. Use an existing one, or send `allow_duplicate` to continue.",
        "可能已有相同客户或联系人,见 duplicates。请使用已有记录,或发送 allow_duplicate 以继续。"),
    ("post_dated", "The payment is post-dated and cannot be applied before its date.",
        "该回款为远期款项,到期日前不能核销。"),
    ("posted_immutable", "A posted invoice can be changed only in its due date, its instalments \
        and its disputed flag. Correct it with a credit note.",
        "已过账的发票除到期日、分期和争议标记外不能修改,请用红字发票更正。"),
    ("range", "The number, date or length is out of range; the message names the limits.",
        "数值、日期或长度超出允许范围,范围见提示。"),
    ("range_not_satisfiable", "The range is beyond the end of the file; Content-Range contains the \
        length of the file.",
        "所请求的范围超出文件末尾,文件长度见 Content-Range。"),
    ("refused_by_guard", "The definition of the type has a condition for this action, which is not fulfilled; \
        `guard` and `detail` name it.",
        "对象类型的定义为此操作规定了条件,目前不满足;条件见 `guard` 与 detail。"),
    ("request_in_progress", "The first request with this Idempotency-Key is still running. Wait as \
        long as Retry-After says and repeat it.",
        "同一 Idempotency-Key 的请求仍在处理,请按 Retry-After 等待后重发。"),
    ("required", "This field or parameter is required.",
        "该字段或参数必填。"),
    ("reserved", "The name is used for something else. Choose another one.",
        "该名称另有用途,请换一个名称。"),
    ("roles_exceed_yours", "The person has roles or a scope that you do not have. Only an \
        administrator can change this person.",
        "该用户的角色或数据范围超出您的权限,只能由管理员修改。"),
    ("roles_not_grantable", "Only administrators can grant roles. Leave `roles` out.",
        "只有管理员可以授予角色,请去掉 roles。"),
    ("same_currency", "No exchange rate is needed between a currency and itself.",
        "同一币种之间不需要汇率。"),
    ("same_customer", "A customer cannot be merged with itself.",
        "不能将客户与其自身合并。"),
    ("scope_changed", "Your visible scope has changed, so this cursor is no longer valid. Start a \
        new copy with POST /api/v1/changes/snapshot.",
        "您的可见范围已变化,此游标失效。请用 POST /api/v1/changes/snapshot 重新复制。"),
    ("second_factor_required", "The password is correct, but the account has a second factor. Send \
        the request again with `otp`: a code of the authenticator app or a recovery code.",
        "密码正确,但该账号启用了第二因素,请在 otp 中附上动态验证码或恢复码后重发。"),
    ("second_factor_setup_required", "Your roles require a second factor, and you have none. Set \
        one up with POST /me/second-factor.",
        "您的角色必须使用第二因素,请先通过 POST /me/second-factor 设置。"),
    ("self_approval", "You cannot approve what you requested or drafted, nor what is your own. \
        Someone else has to approve it.",
        "不能审批自己申请、起草或属于自己的事项,请由他人审批。"),
    ("softer_measure", "A stricter measure was already taken in this case.",
        "该案件已采取更严厉的措施。"),
    ("stale", "Someone else changed the data after you read it; `current` contains the present \
        values. Read it again and repeat your change.",
        "读取之后数据已被他人修改,现值见 current。请重新读取后再修改。"),
    ("still_referenced", "Other data refers to this row, so it cannot be deleted. Deactivate it, \
        or delete the references first.",
        "仍被其他数据引用,不能删除。请改为停用,或先删除引用它的数据。"),
    ("storage_unavailable", "The file storage is unavailable or full. Wait as long as Retry-After \
        says and repeat the request.",
        "文件存储暂时不可用,请按 Retry-After 等待后重发同一请求。"),
    ("sum_of_lines", "The amount of the order differs from the sum of its lines. A difference of \
        at most one minor unit per line is allowed.",
        "订单金额与明细之和不符,每行最多允许相差一个最小货币单位。"),
    ("survey_answered", "A survey link can be used for one answer, and this link was used already.",
        "每个调查链接只能提交一次,该链接已提交。"),
    ("survey_closed", "The survey is closed and takes no more answers.",
        "调查已结束,不再接收答卷。"),
    ("target_approved", "The target is approved. Only its value can be changed, with a reason.",
        "目标已审批,只能修改目标值并说明原因。"),
    ("target_closed", "The target is closed and cannot be changed.",
        "目标已关闭,不能再修改。"),
    ("target_has_parts", "Other targets are parts of this one. Delete them first.",
        "该目标已有下级目标,请先删除它们。"),
    ("target_under_allocated", "The parts of this target add up to less than its value. Raise the \
        parts first, or lower the target.",
        "下级目标之和小于该目标,请先提高下级目标或降低该目标。"),
    ("team_cycle", "A team cannot be below itself or one of its own teams. Choose another parent.",
        "团队不能隶属于自己或自己的下级,请另选上级。"),
    ("timeout", "The database did not respond in time. Narrow the request down, or try again \
        later.",
        "数据库未及时响应,请缩小范围或稍后重试。"),
    ("too_few", "The list has too few entries.",
        "列表项数过少。"),
    ("too_few_attempts", "A prospect can be given up only after three visits over at least two \
        weeks; `attempts` and `days` are the present figures.",
        "潜在客户至少拜访三次、历时两周后才能放弃;attempts 与 days 为现有次数与天数。"),
    ("too_late_to_reopen", "The complaint was closed too long ago; it could be reopened within \
        `days` days. Register a new one.",
        "投诉关闭已久,不能重新打开(期限见 days),请登记新的投诉。"),
    ("too_long", "The text is too long; the message names the limit in characters.",
        "文本过长,上限见提示。"),
    ("too_many", "The list has too many entries; the message names the limit. Send several \
        requests.",
        "列表项数过多,上限见提示,请分多次发送。"),
    ("too_many_attempts", "There were too many failed logins. Wait as long as Retry-After says and \
        try again.",
        "登录失败次数过多,请按 Retry-After 等待后重试。"),
    ("too_many_pending", "100,000 items of this system are waiting for data that they refer to. \
        Send that data, or give items up under /pending-items.",
        "该系统已有 100,000 条数据在等待引用,请先补齐所引用的数据,或在 /pending-items 中放弃部分数据。"),
    ("too_many_reports", "You are running too many reports at the same time. Wait as long as \
        Retry-After says, or read them one by one.",
        "您同时运行的报表过多,请按 Retry-After 等待,或逐个查询。"),
    ("too_many_requests", "There are too many requests from this address. Wait as long as \
        Retry-After says and try again.",
        "来自该地址的请求过多,请按 Retry-After 等待后重试。"),
    ("too_many_rows", "The report has more than 200,000 rows. Narrow it down, or request CSV, \
        which has no limit except with empty=include, where it has 2,000,000 rows. A list as CSV \
        has at most 10,000 rows: narrow it down, or read it page by page with `limit`.",
        "报表超过 20 万行,请缩小范围,或改用 CSV;empty=include 产生超过 200 万行时 CSV 也不可用。\
        列表的 CSV 最多 1 万行,请缩小范围,或用 limit 分页读取。"),
    ("too_many_webhooks", "The maximum number of webhooks exists already. Delete one that is no \
        longer needed.",
        "推送订阅已达上限,请先删除不用的订阅。"),
    ("too_old", "The data arrived too late: the company accepts data from offline phones only for \
        some days.",
        "补传已超过公司允许的天数。"),
    ("too_short", "The text is too short; the message names the minimum length. Text that consists \
        only of invisible characters counts as empty.",
        "文本过短,最短长度见提示。仅由不可见字符组成的文本视为空。"),
    ("transfer_applied", "The transfer has already taken effect and cannot be cancelled. Transfer \
        the customer back instead.",
        "移交已经生效,不能取消。可再次移交回去。"),
    ("type", "The value has the wrong type. Amounts, quantities and percentages must be strings \
        such as \"12.50\".",
        "值的类型不符。金额、数量和百分比应为字符串,如 \"12.50\"。"),
    ("type_switched_off", "The type is switched off: its objects can be read and finished, but not created.",
        "该类型已停用:可查看和完成已有对象,但不能新建。"),
    ("unauthorized", "The request has no valid access token. Log in or refresh the token, and send \
        it as a Bearer token.",
        "没有有效的访问令牌,请登录或刷新令牌后以 Bearer 方式发送。"),
    ("unavailable", "The database is temporarily unavailable. Wait as long as Retry-After says and \
        repeat the request.",
        "暂时无法连接数据库,请按 Retry-After 等待后重发同一请求。"),
    ("unit_price_required", "The list price is in the company's currency and cannot be converted \
        here. Send the unit prices in the currency of the order.",
        "目录价为公司币种,此处无法换算,请以订单币种填写单价。"),
    ("unknown_field", "There is no such field or parameter. Check the spelling against the API \
        document.",
        "没有该字段或参数,请对照接口文档检查拼写。"),
    ("unknown_reference", "No row that you may see has this id. Check the id, or send the \
        referenced row first.",
        "没有您可见的对应记录。请检查编号,或先提交所引用的记录。"),
    ("unknown_value", "The field does not allow this value; the API document lists the allowed \
        ones.",
        "不是该字段允许的值,允许的值见接口文档。"),
    ("unreadable_body", "The body is incomplete or took longer than 25 seconds to arrive; a file \
        may take one more second for every 32 KiB. Send it again.",
        "请求内容不完整或超过 25 秒仍未送达(文件每 32 KiB 可多 1 秒),请重新发送。"),
    ("unreadable_image", "The picture is damaged or incomplete and cannot be read. Take or send it \
        again.",
        "图片已损坏或不完整,无法读取,请重新拍摄或发送。"),
    ("unsupported_file", "Files of this type are not supported. The type is detected from the \
        content, not from the name; `detail` lists the supported types. Text must be UTF-8, and \
        Word and Excel files must not contain macros.",
        "不支持此类文件(按内容而非文件名判断),支持的类型见 detail;文本须为 UTF-8,Office 文件不得含宏。"),
    ("unsupported_media_type", "Send the body uncompressed as application/json. A batch may also \
        be application/x-ndjson, and a form is accepted only where the API document says so.",
        "请以未压缩的 application/json 发送;批量接口也可用 application/x-ndjson。"),
    ("uri_too_long", "The path and the query together may have at most 8 KiB. Filter by fewer \
        values.",
        "路径与查询参数合计不得超过 8 KiB,请减少筛选条件。"),
    ("visit_in_progress", "You have a visit in progress, see `visit_id`. Check out of it or \
        abandon it first.",
        "您有进行中的拜访(visit_id),请先签退或中止。"),
    ("wrong_credentials", "The username or the password is wrong, or the user may not log in.",
        "用户名或密码错误,或该用户不能登录。"),
    ("wrong_password", "The current password is wrong.",
        "当前密码不正确。"),
    ("wrong_second_factor", "The code of the second factor is wrong or was used before. Wait for \
        the next code of the authenticator app.",
        "动态验证码不正确或已使用过,请等待下一个验证码。"),
    ("wrong_status", "This action is not possible in the present status, which the problem names.",
        "当前状态不允许此操作,现状态见返回内容。"),
];
