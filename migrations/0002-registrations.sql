-- Stores which URL is registered at Tratta ("Create a JIT endpoint"), so that each URL is registered once.
-- The effect of registering the same URL twice is unknown.

create table tratta_jit.registrations (
  -- Tratta's sandbox and its production have different API URLs.
  api_url text primary key,
  -- SHA-256 of the whole URL, in hex. The URL itself contains the secret and is not stored.
  url_digest text not null,
  -- The URL without its path, for people.
  public_url text not null,
  -- in_flight: a POST was about to be sent, and its result is not stored (yet).
  -- already_registered: Tratta has the URL, but no program of this database knows that it registered the URL.
  state text not null check (state in ('in_flight', 'registered', 'already_registered', 'rejected', 'failed')),
  attempts integer not null,
  -- An earlier attempt may have been accepted, so that "already taken" proves that it was.
  maybe_accepted boolean not null default false,
  requested_at timestamptz not null,
  -- No program sends a POST before this time.
  next_attempt_at timestamptz not null,
  registered_at timestamptz,
  -- The error of the last attempt, without secrets; for people.
  last_error text
);
