drop table cashflow_advice;
