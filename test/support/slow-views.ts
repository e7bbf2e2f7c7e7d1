/** DATABASE_SCHEMA=slow: our own tables, and 10 ms a lookup. With two connections that is 200 a second at most. */
export const SLOW_VIEWS = `
  create schema slow;
  create view slow.customers as select * from tratta_jit.customers;
  create view slow.locations as select * from tratta_jit.locations;
  create view slow.debt_accounts as
    select account.* from tratta_jit.debt_accounts account,
      pg_sleep(case parent_external_id when 'x' then 0 else 0.01 end)`
