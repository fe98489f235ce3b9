drop table attachment_links;
drop table attachments;
drop table attachment_blobs;
