/** Removes what spreadsheets and databases add to the text of a cell, before its value is read. */

export type CellKind = 'identifier' | 'money' | 'text'

/** Texts that mean an empty cell in every column. Case does not matter. */
const NULL_WORDS = ['NULL', '(NULL)', '<NULL>', '[NULL]', 'N/A', 'NONE', 'NIL', 'NAN', '\\N']
/** In a column of money these can mean 0. */
const NULL_FIGURES = [
  '-',
  '--',
  '00000000',
  '0000-00-00',
  '0000-00-00 00:00:00',
  '00/00/0000',
  '00/00/00',
  '0/0/0000',
  '00-00-0000',
]

const APOSTROPHE = 39
const QUOTE = 34

/**
 * @param nullValues instead of the default ones
 * @param onChange gets what was changed
 * @returns a function that gets a trimmed text, and returns an empty one for a null value
 */
export function cellCleaner(nullValues: string[] | undefined, onChange: (change: string) => void) {
  const words = (nullValues ?? NULL_WORDS).map((word) => word.toUpperCase())
  const ofMoney = new Set(words)
  const ofOthers = new Set(nullValues ? words : [...words, ...NULL_FIGURES])
  const lengths = new Set([...ofOthers].map((word) => word.length))
  // Most cells are decided by their length and their first character.
  const isFirst = new Set(
    [...ofOthers].flatMap((word) => [word.charCodeAt(0), word.toLowerCase().charCodeAt(0)]),
  )

  return (cell: string, kind: CellKind): string => {
    let text = cell
    if (text.charCodeAt(0) === APOSTROPHE || text.charCodeAt(text.length - 1) === QUOTE) {
      text = withoutEscape(cell, kind)
      if (text !== cell) onChange('an escape of a spreadsheet (an apostrophe, or ="…") was removed')
    }
    if (!lengths.has(text.length) || !isFirst.has(text.charCodeAt(0))) return text
    if (!(kind === 'money' ? ofMoney : ofOthers).has(text.toUpperCase())) return text
    onChange('a null marker was read as an empty cell')
    return ''
  }
}

/** An apostrophe keeps a number as text. Names can begin with one too. */
export function withoutEscape(cell: string, kind: CellKind): string {
  const [, quoted] = /^=(?:T\()?"((?:[^"]|"")*)"\)?$/.exec(cell) ?? []
  if (quoted !== undefined) return quoted.replaceAll('""', '"').trim()
  if (kind === 'identifier') return cell.replace(/^'(?=.)/, '').replace(/="([^"]*)"$/, '$1')
  return cell.replace(/^'(?=[\d=+@(-])/, '')
}

const ERROR_VALUE = /^#(?:#+|N\/A|REF!|VALUE!|NAME\?|DIV\/0!|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA)$/i

/** Whether a cell is an error of a spreadsheet, or `####` of a column that was too narrow. */
export const isErrorValue = (text: string) => text.charCodeAt(0) === 35 && ERROR_VALUE.test(text)
