/** An error that a person can act on. The program prints its message, without a stack. */
export class UserFacingError extends Error {
  /** What failed. Without a period at its end when there is a remedy. */
  readonly problem: string
  /** The next step, a sentence without a period at its end. */
  readonly remedy: string | undefined
  /** Of the program: 1 for a failure, 2 for a usage or configuration error. */
  readonly exitCode: 1 | 2

  /** The message is the problem and the remedy. */
  constructor(
    problem: string,
    { remedy, exitCode = 1, cause }: { remedy?: string | undefined; exitCode?: 1 | 2; cause?: unknown } = {},
  ) {
    super(remedy === undefined ? problem : `${problem}. ${remedy}${remedy.endsWith('?') ? '' : '.'}`, {
      cause,
    })
    this.problem = problem
    this.remedy = remedy
    this.exitCode = exitCode
  }
}

/** Wrong arguments or options of a command. */
export class UsageError extends UserFacingError {
  constructor(problem: string) {
    super(problem, {
      remedy: 'Run `tratta-jit help COMMAND` to see its arguments and options',
      exitCode: 2,
    })
  }
}
