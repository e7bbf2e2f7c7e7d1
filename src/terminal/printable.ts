/**
 * C0, DEL and C1 control characters, line and paragraph separators, and characters that change the direction of
 * text. A terminal executes them, or shows text that differs from the data.
 */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu
const UNPRINTABLE_EXCEPT_NEWLINE = new RegExp(`(?!\\n)${UNPRINTABLE.source}`, 'gu')

/** As in JSON: ESC becomes `\u001b`. */
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Escapes a value from the database or from Tratta for one line of text. */
export const printable = (value: string) => value.replace(UNPRINTABLE, escaped)

/** Escapes a text of several lines. */
export const printableLines = (text: string) => text.replace(UNPRINTABLE_EXCEPT_NEWLINE, escaped)
