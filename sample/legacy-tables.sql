-- The tables of the example in docs/data.md: an old collection system. All data is fictional.
create schema legacy;
create table legacy.client (
  client_code char(8) primary key,
  client_name varchar(80) not null
);
create table legacy.debtor (
  debtor_no integer primary key,
  first_name varchar(40),
  last_name varchar(40) not null,
  email varchar(80),
  home_phone varchar(20),
  born date,
  ssn char(9)
);
create table legacy.address (
  owner_kind char(1) not null,  -- D debtor, C client
  owner_no integer not null,
  line_1 varchar(60),
  line_2 varchar(60),
  city varchar(40),
  state char(2),
  zip varchar(10)
);
create table legacy.account (
  account_no integer primary key,
  master_no integer references legacy.account,
  debtor_no integer not null references legacy.debtor,
  client_code char(8) not null references legacy.client,
  reference varchar(30),
  placed numeric(12,2) not null,
  owed numeric(12,2) not null,
  placed_on date,
  closed boolean not null default false,
  packet_no integer  -- accounts that are collected together; no account is the master
);

insert into legacy.client values ('HARBOR', 'Harbor Clinic');
insert into legacy.debtor values (5012, 'Ada', 'Sample', 'Ada.Sample@example.com', '206-555-0199', '1979-05-17', '900550042');
insert into legacy.address values ('D', 5012, '12 Pine St', null, 'Tacoma', 'WA', '98402'), ('C', 5012, 'Pier 4', null, 'Seattle', 'WA', '98101');
insert into legacy.account values
  (70040, null, 5012, 'HARBOR', 'HC-881', 1250.10, 900.07, '2026-02-03', false),
  (70041, 70040, 5012, 'HARBOR', 'HC-881-1', 1000.00, 700.00, '2026-02-03', false),
  (70042, 70040, 5012, 'HARBOR', 'HC-881-2', 250.10, 200.07, null, false),
  (70043, null, 5012, 'HARBOR', 'HC-112', 80.00, 80.00, null, true);
