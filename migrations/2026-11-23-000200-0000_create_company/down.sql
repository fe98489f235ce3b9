drop table exchange_rates, holidays, company;
