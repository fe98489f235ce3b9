drop table survey_responses;
drop table survey_invitations;
drop table surveys;
