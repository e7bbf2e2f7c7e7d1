-- Which URL is registered at Tratta ("Create a JIT endpoint"), so that it is registered once: whether Tratta
-- minds being told the same URL twice, nobody has seen.

create table tratta_jit.registrations (
  -- Of Tratta: its sandbox and its production are told apart by it.
  api_url text primary key,
  -- SHA-256 of the whole URL, in hex. The URL itself holds the secret and is kept nowhere.
  url_digest text not null,
  -- The address without the path, for people.
  public_url text not null,
  -- asking: a POST was about to be sent, and what came of it is not written down (yet).
  state text not null check (state in ('asking', 'registered', 'refused', 'failed')),
  attempts integer not null,
  asked_at timestamptz not null,
  -- No POST before this, whoever sends it.
  next_ask_at timestamptz not null,
  registered_at timestamptz,
  -- What Tratta said, without secrets; for people.
  said text
);
