/** Why a row is rejected: codes with fields. Only `messageOf` turns them into English. */
import { type OmittedField, omittedField, type Path } from '../payload/omit-invalid-fields.ts'

/** Never contains a value or a key of the file: equal reasons are counted and shown on screens. */
export type Reason =
  | { code: 'stray_quote' | 'nul_byte' | 'invalid_json' | 'extra_comma' | 'unstorable_text' }
  | { code: 'not_an_object' | 'unedited_reject' | 'no_account' | 'without_id' }
  /** `encoding` is the most probable one. */
  | { code: 'invalid_utf8'; encoding: string }
  | { code: 'unnamed_column'; position: number }
  | { code: 'wrong_field_count'; found: number; expected: number }
  | { code: 'missing' | 'misplaced' | 'own_parent' | 'unmapped_value' }
  | { code: 'unknown_field'; known: string }
  /** `rule` completes "the field …". It comes from the contract or from the payload builder. */
  | { code: 'invalid_value'; rule: string }
  | { code: 'invalid_money'; money: 'cents' | 'dollars' }
  | { code: 'invalid_date'; dates: 'iso' | 'ymd' | 'mdy' | 'dmy' }
  | { code: 'error_value' }
  | { code: 'suspicious'; rule: string }
  | { code: 'conflicting_rows' | 'location_name_taken' | 'unknown_parent' | 'parent_cycle' }
  | { code: 'unknown_reference'; resource: string }

export interface RowError {
  reason: Reason
  /** As in the file, with keys of metadata, which can be data. For the reject file only. */
  field?: string
  /** The same with `*` for these keys. */
  fieldKind?: string
  /** Another line of the file that the error is about. */
  otherLine?: number
}

/** @param path starts with the resource: `['customer', 'metadata', 'score']` */
export const fieldError = (path: Path, reason: Reason): RowError => ofField(omittedField(path, ''), reason)

export const invalidValue = (path: Path, rule: string) => fieldError(path, { code: 'invalid_value', rule })

export const omittedError = (omitted: OmittedField): RowError =>
  // The reason can name a position in a list. Equal reasons are counted.
  ofField(omitted, { code: 'invalid_value', rule: omitted.reason.replaceAll(/\[\d+\]/g, '[*]') })

const ofField = ({ field, kind }: OmittedField, reason: Reason): RowError => ({
  reason,
  field,
  fieldKind: kind,
})

/** @param field `RowError.field` or `RowError.fieldKind` */
export function messageOf(reason: Reason, field?: string | null) {
  const text = reasonText(reason)
  return field ? `${field} ${text}` : text
}

function reasonText(reason: Reason): string {
  switch (reason.code) {
    case 'stray_quote':
      return 'has a quote that is not closed or not doubled: write a field with quotes as "like ""this"" one", or use --quote none if no field is quoted'
    case 'wrong_field_count':
      return `has ${reason.found} fields where the header has ${reason.expected}`
    case 'invalid_utf8':
      return `is not UTF-8 (use --encoding ${reason.encoding} if the file comes from ${ENCODED_BY[reason.encoding]})`
    case 'unnamed_column':
      return `has a value in column ${reason.position}, which has no name in the header`
    case 'nul_byte':
      return 'contains a NUL byte: the file is damaged or is not text'
    case 'invalid_json':
      return 'is not valid JSON'
    case 'extra_comma':
      return 'is not valid JSON: there is an extra comma'
    case 'unstorable_text':
      return 'contains NUL or half of a surrogate pair'
    case 'not_an_object':
      return 'must be an object with customer, location and debt accounts'
    case 'unedited_reject':
      return 'is not corrected yet: replace it with the corrected object that import_text contains'
    case 'no_account':
      return 'has no debt account'
    case 'without_id':
      return 'has no external_id'
    case 'unmapped_value':
      return 'is not one of "values" in the map: add it, or a "default"'
    case 'missing':
      return 'is missing'
    case 'misplaced':
      return 'is not read here: use the object customer or location'
    case 'unknown_field':
      return `is unknown: the known fields are ${reason.known}`
    case 'own_parent':
      return 'must not be the account itself'
    case 'invalid_value':
      return reason.rule
    case 'invalid_money':
      return MONEY_RULES[reason.money]
    case 'invalid_date':
      return DATE_RULES[reason.dates]
    case 'error_value':
      return 'is an error value of a spreadsheet, such as #N/A or ####'
    case 'suspicious':
      return `${reason.rule} (--allow-suspicious loads it)`
    case 'conflicting_rows':
      return 'appears more than once in the file, with different content'
    case 'location_name_taken':
      return 'and type are those of another location'
    case 'unknown_reference':
      return `names a ${reason.resource} that is neither in the file nor in the database`
    case 'unknown_parent':
      return 'names an account that is rejected, or is neither in the file nor in the database'
    case 'parent_cycle':
      return 'leads to a cycle of parents'
  }
}

const ENCODED_BY: Record<string, string> = {
  'windows-1252': 'an older Windows system',
  macintosh: 'an older Mac',
  cp850: 'a DOS program',
}

const MONEY_RULES = {
  cents: 'must be whole cents, written like 123456 or -123456 (use --money dollars if the file has dollars)',
  dollars:
    'must be dollars, written like 1234.56, -1234.56, $1,234.56 or (1,234.56): no exponent, no third decimal but 0',
}

const DATE_RULES = {
  iso: 'must be a date written YYYY-MM-DD (use --dates mdy or --dates dmy if the file has 12/31/1990 or 31.12.1990)',
  ymd: 'must be a date written YYYY-MM-DD or YYYYMMDD',
  mdy: 'must be a date written MM/DD/YYYY or YYYY-MM-DD',
  dmy: 'must be a date written DD/MM/YYYY or YYYY-MM-DD',
}
