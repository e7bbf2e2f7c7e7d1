/** How rejected rows are written so that they can be corrected and imported again. */

/** In front of each rejected row. The import does not read these columns. */
export const REJECT_COLUMNS = ['import_line', 'import_reasons']
const [LINE, REASONS] = REJECT_COLUMNS

/** Contains a rejected record that is not a JSON object. */
export const REJECT_TEXT = 'import_text'

/** Both return the bytes to write, one character per byte. */
export interface RejectFormat {
  header: string
  row(line: number, raw: string, reasons: string[]): string
}

export function csvRejectFormat(
  header: string,
  delimiter: string,
  encode: (text: string) => string,
): RejectFormat {
  return {
    header: `${[LINE, REASONS, header].join(delimiter)}\n`,
    row(line, raw, reasons) {
      const text = `"${encode(reasons.join('; ')).replaceAll('"', '""')}"`
      return `${[line, text, raw].join(delimiter)}\n`
    },
  }
}

/** Writes NDJSON. */
export function jsonRejectFormat(
  encode: (text: string) => string,
  decode: (bytes: string) => string | undefined,
): RejectFormat {
  return {
    header: '',
    row(line, raw, reasons) {
      const prefix = `{"${LINE}":${line},"${REASONS}":${encode(JSON.stringify(reasons))}`
      const text = decode(raw)
      if (text === undefined || !isObjectText(text))
        return `${prefix},"${REJECT_TEXT}":${encode(JSON.stringify(text ?? raw))}}\n`
      const fields = raw.slice(1).replaceAll(/[\r\n]+/g, ' ')
      return `${prefix}${fields.trim() === '}' ? '' : ','}${fields}\n`
    },
  }
}

function isObjectText(text: string) {
  if (!text.startsWith('{')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
