-- Answers that were collected elsewhere, with scores that may be means.
alter table survey_responses drop constraint survey_responses_score_check;
alter table survey_responses
    add column source_system text,
    add column external_id text collate "C",
    alter column score type numeric(3, 2),
    add constraint survey_responses_score_check check (score between 1 and 5),
    add constraint survey_responses_external_id_key unique (source_system, external_id);
