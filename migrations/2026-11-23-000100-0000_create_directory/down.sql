drop table directory, login_failures, signing_keys, refresh_tokens, api_clients, memberships,
    users, teams;
