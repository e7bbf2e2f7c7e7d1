/** Preloaded into the program: sets the clock of its process back by an hour. */
const { now } = Date
Date.now = () => now() - 3_600_000
