/** An experiment cannot decide. The message is the reason, and contains no data of the organization. */
export class UndecidedError extends Error {}
