alter table survey_responses drop constraint survey_responses_score_check;
alter table survey_responses
    drop constraint survey_responses_external_id_key,
    drop column source_system,
    drop column external_id,
    alter column score type smallint using round(score),
    add constraint survey_responses_score_check check (score between 1 and 5);
