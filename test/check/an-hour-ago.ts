/** Loaded before the program, it sets the clock of this one process back by an hour. */
const { now } = Date
Date.now = () => now() - 3_600_000
