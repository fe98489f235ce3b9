drop table complaint_proposals, complaint_filing_years, complaint_settlements, complaint_clocks,
    complaints;
drop sequence complaints_number_seq;
