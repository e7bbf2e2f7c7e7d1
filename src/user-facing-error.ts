/** An error that a person can act on. The program prints it without a stack. */
export class UserFacingError extends Error {
  /** The next step, a sentence without a period at its end. */
  readonly remedy: string | undefined
  readonly exitCode: number

  /** @param message what failed; with a remedy, a sentence without a period at its end */
  constructor(
    message: string,
    { remedy, exitCode = 1, cause }: { remedy?: string; exitCode?: 1 | 2; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.remedy = remedy
    this.exitCode = exitCode
  }

  get text(): string {
    return this.remedy === undefined ? this.message : `${this.message}. ${this.remedy}`
  }
}
