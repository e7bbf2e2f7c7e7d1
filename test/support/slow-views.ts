/** DATABASE_SCHEMA=slow: views of our tables that take 10 ms a lookup, so at most 200 a second with two connections. */
export const SLOW_VIEWS = `
  create schema slow;
  create view slow.customers as select * from tratta_jit.customers;
  create view slow.locations as select * from tratta_jit.locations;
  create view slow.debt_accounts as
    select account.* from tratta_jit.debt_accounts account,
      pg_sleep(case parent_external_id when 'x' then 0 else 0.01 end)`
