/**
 * A line of one of several files as one number: the staging tables compare and group lines of all files. The lines of
 * the first file stay as they are.
 */
const LINES_PER_FILE = 2 ** 40

/** @param file the index of the file in the command */
export const encodeFileLine = (file: number, line: number) => file * LINES_PER_FILE + line

export const decodeFileLine = (fileLine: number) => ({
  file: Math.floor(fileLine / LINES_PER_FILE),
  line: fileLine % LINES_PER_FILE,
})
