/** How Tratta answers an upload, and how it treats invalid rows and known customers. */
import { TAKEN } from '../bulk/error-messages.ts'
import { parseErrorRow } from '../bulk/parse-errors.ts'
import { readAnswer, readError } from '../bulk/read-answer.ts'
import { isObject } from '../json.ts'
import { answerText, isAccepted } from './exchanges.ts'
import { asAssumed, differs, type Experiment, unsupported } from './experiment.ts'
import { UndecidedError } from './undecided-error.ts'
import { firstUpload, invalidUpload, readErrors, rowWithError, secondUpload, upload } from './uploads.ts'

export const bulkAnswer: Experiment = {
  name: 'bulk_answer',
  assumed: 'an upload is answered with bulk_id, count and status in `data`',
  async run(context) {
    const { exchange, rows } = await firstUpload(context)
    if (!isAccepted(exchange)) throw new UndecidedError(answerText(exchange))
    const { status, body } = exchange
    const answer = readAnswer({ status: status!, body, linkHeader: null })
    if (answer.kind !== 'accepted')
      return unsupported(
        'no_bulk_id',
        `${status} without a bulk_id`,
        'errors of uploads cannot be read: all accounts stay unknown',
      )
    if (answer.count !== undefined && answer.count < rows.length)
      return unsupported(
        'low_count',
        `count is ${answer.count} for ${rows.length} rows`,
        'all accounts stay unknown, because Tratta counts fewer rows than were sent',
      )
    const data = isObject(body) && isObject(body.data) ? body.data : {}
    const isDocumented =
      typeof data.bulk_id === 'string' &&
      data.count === rows.length &&
      ['pending', 'completed'].includes(String(data.status))
    return isDocumented
      ? asAssumed('documented', `${status}, bulk_id, count and status ${data.status} in data`)
      : differs('other', `${status} with the fields ${fieldsOf(body)}`, 'nothing: the id is read where it is')
  },
}

const fieldsOf = (body: unknown): string =>
  isObject(body)
    ? Object.entries(body)
        .flatMap(([name, value]) =>
          isObject(value) ? Object.keys(value).map((inner) => `${name}.${inner}`) : name,
        )
        .slice(0, 10)
        .join(', ')
    : 'of no object'

export const errorsReady: Experiment = {
  name: 'errors_ready',
  assumed: 'while errors are not ready, their list is empty',
  async run(context) {
    const { before, isMarked, readyMs } = (await secondUpload(context)).errors
    const seen = before.length > 0 ? `${before.join(', ')}, then the errors after ${readyMs} ms` : ''
    return isMarked
      ? differs('marked', seen, '`bulk push` takes one reading of errors as final')
      : asAssumed('unmarked', seen || 'the errors are in the first reading')
  },
}

export const invalidRows: Experiment = {
  name: 'invalid_rows',
  assumed: 'invalid rows are listed in the errors; the other rows are accepted',
  async run(context) {
    const { exchange, rows } = await invalidUpload(context)
    if (isAccepted(exchange)) return asAssumed('listed', `${exchange.status}, and errors by row`)
    if (!exchange.error || exchange.status === undefined) throw new UndecidedError(answerText(exchange))
    const result = readError(exchange.error, rows.length)
    if (result.kind !== 'rejected') throw new UndecidedError(answerText(exchange))
    const effect = '`bulk push` sends the other rows again without the rejected rows'
    return result.rows.size > 0
      ? differs(
          'request_rejected',
          `${exchange.status} for the request, with the numbers of the rows`,
          effect,
        )
      : differs(
          'request_rejected_unnamed',
          `${exchange.status} for the request, without the numbers of the rows`,
          '`bulk push` splits a rejected request until it finds the rows',
        )
  },
}

export const errorShape: Experiment = {
  name: 'error_shape',
  assumed:
    'errors of a customer are lists of messages by field, errors of accounts have `data` and `messages`',
  async run(context) {
    const invalid = await invalidUpload(context)
    const { raw } = isAccepted(invalid.exchange)
      ? await readErrors(context, invalid, 2)
      : (await secondUpload(context)).errors
    const shapes = [...new Set(raw.map((row) => shapeOf(isObject(row) ? row.errors : undefined)))]
    const others = shapes.filter((shape) => shape !== 'documented')
    if (others.length === 0) return asAssumed('documented', 'as in the example of the page "Bulk"')
    const isRead = raw.every((row) => {
      const { whole, byAccount } = parseErrorRow(row)
      return [...whole, ...[...byAccount.values()].flatMap(({ reasons }) => reasons)].every(
        (reason) => !reason.includes('gives no message') && reason.includes('.'),
      )
    })
    const found = `errors are ${others.join(', ')}`
    return isRead
      ? differs('other', found, 'nothing: this shape is read too')
      : unsupported('unreadable', found, 'rejections are stored without field or message')
  },
}

const isTexts = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === 'string')
const isMessages = (value: unknown) =>
  (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.values(value).every(isTexts))

/** The shape of `errors` of a row, in words. */
function shapeOf(errors: unknown): string {
  if (!isObject(errors)) return 'not an object'
  const entries = Object.entries(errors)
  if (entries.some(([name]) => name.includes('.'))) return 'keys with dots'
  for (const [name, value] of entries) {
    const isList = /debt_accounts$/.test(name)
    if (!isList && Array.isArray(value) && value.length > 0) return 'lists with data and messages'
    const parts = isList && Array.isArray(value) ? value : [{ data: {}, messages: value }]
    for (const part of parts) {
      if (!isObject(part) || !('data' in part || 'messages' in part)) return 'another shape'
      if (isObject(part.messages) && Object.values(part.messages).some((one) => typeof one === 'string'))
        return 'a text for each field'
      if (!isMessages(part.messages)) return 'another shape'
    }
  }
  return 'documented'
}

export const existingCustomers: Experiment = {
  name: 'existing_customers',
  assumed: 'an upload adds accounts to a customer that Tratta has',
  async run(context) {
    const { data } = context
    const { rows } = await firstUpload(context)
    const control = await rowWithError(context)
    const known = { ...data.row(), customer: rows[0]!.customer }
    const once = data.row()
    const twice = { ...data.row(), customer: once.customer }
    let sent = await upload(context, [known, once, twice, control])
    let note = ''
    if (sent.exchange.status === 422) {
      note = `; the same customer twice in a request: ${answerText(sent.exchange)}`
      sent = await upload(context, [known, once, control])
    }
    const { rows: errors } = await readErrors(context, sent)
    return errors.some(({ whole }) => whole.length > 0)
      ? differs(
          'reject',
          `a row with a known customer is rejected${note}`,
          '`bulk push` sends one row for a customer, and no accounts of a customer that Tratta has: calls create them',
        )
      : asAssumed('reuse', `accounts are added to a known customer${note}`)
  },
}

export const takenMessage: Experiment = {
  name: 'taken_message',
  assumed: 'the error of a known external_id is "has already been taken"',
  async run(context) {
    const { rows } = (await secondUpload(context)).errors
    const texts = [
      ...new Set(
        rows.flatMap(({ whole, byAccount }) => [
          ...whole,
          ...[...byAccount.values()].flatMap(({ reasons }) => reasons),
        ]),
      ),
    ]
    const found = texts.slice(0, 3).join('; ')
    if (texts.every((text) => text.includes('has already been taken'))) return asAssumed('taken', found)
    return texts.every((text) => TAKEN.test(text))
      ? differs('recognized', found, 'nothing: this wording is recognized too')
      : unsupported('other', found, 'after a lost answer, accounts that Tratta has are reported as rejected')
  },
}
