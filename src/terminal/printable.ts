/**
 * C0, DEL and C1 control characters, line and paragraph separators, and the characters that change the
 * direction of text: a terminal executes them, or shows something else than what is there.
 */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu
const UNPRINTABLE_EXCEPT_NEWLINE = new RegExp(`(?!\\n)${UNPRINTABLE.source}`, 'gu')

/** As in JSON: ESC becomes `\u001b`. */
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A value from data or from Tratta, as part of a line for a person. */
export const printable = (value: string) => value.replace(UNPRINTABLE, escaped)

/** A text of several lines. */
export const printableLines = (text: string) => text.replace(UNPRINTABLE_EXCEPT_NEWLINE, escaped)
