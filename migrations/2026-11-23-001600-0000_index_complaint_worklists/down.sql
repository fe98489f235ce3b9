drop index complaints_unsettled_idx;
