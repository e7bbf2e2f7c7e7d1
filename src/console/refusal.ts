/** Why the console refuses a request, for the log and the metrics. */
export const REFUSALS = ['host', 'origin', 'token', 'session', 'password', 'guesses'] as const
export type Refusal = (typeof REFUSALS)[number]
