update complaints set channel = 'other' where channel in ('letter', 'fax', 'referral');
update collection_tasks set channel = 'other' where channel = 'fax';
alter table complaints
    drop constraint complaints_channel_check,
    add constraint complaints_channel_check
        check (channel in ('visit', 'phone', 'wechat', 'email', 'portal', 'other'));
alter table collection_tasks
    drop constraint collection_tasks_channel_check,
    add constraint collection_tasks_channel_check
        check (channel in ('visit', 'phone', 'wechat', 'email', 'letter', 'other'));
