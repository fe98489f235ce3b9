-- Letters, faxes, and what others pass on.
alter table complaints
    drop constraint complaints_channel_check,
    add constraint complaints_channel_check check (channel in
        ('visit', 'phone', 'wechat', 'email', 'portal', 'letter', 'fax', 'referral', 'other'));
alter table collection_tasks
    drop constraint collection_tasks_channel_check,
    add constraint collection_tasks_channel_check
        check (channel in ('visit', 'phone', 'wechat', 'email', 'letter', 'fax', 'other'));
