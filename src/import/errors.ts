/** Errors that end an import. Their messages name the next step and never contain a value of the file. */
export class ImportError extends Error {}

/** The file cannot be read to its end. */
export class FileError extends ImportError {}

/** The columns of a CSV file do not match ours. The message lists every difference. */
export class HeaderError extends ImportError {
  constructor(problems: string[]) {
    super(problems.join('\n'))
  }
}

/** The reject file exists already or cannot be written. */
export class RejectFileError extends ImportError {}

/** A row passed our validation, and a constraint of the tables rejects it. */
export class ConstraintError extends ImportError {}

export class ImportAlreadyRunningError extends ImportError {
  override message = 'Another import is running on this database: only one can run at a time'
}

/** An option is missing, is invalid, or does not apply to the format of the file. */
export class ReadOptionsError extends Error {}
