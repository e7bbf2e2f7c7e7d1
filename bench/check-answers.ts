/** Compares the answers of each server with the data set before the measurement. */
import { isDeepStrictEqual } from 'node:util'
import { externalIdOf } from './data-set.ts'
import { expectedAnswer } from './expected-answer.ts'

/** The first accounts of the data set: they include every kind, and one in ten has an SSN with a leading zero. */
const CHECKED = 60

interface Customer {
  ssn_last4?: number | string
}

/**
 * @param url to which an account's id is appended
 * @throws {Error} with the first wrong answer
 */
export async function checkAnswers(server: string, url: string, accounts: number) {
  for (const account of [...Array.from({ length: CHECKED }, (_, index) => index + 1), accounts]) {
    const { status, text } = await call(server, url + externalIdOf(account))
    const expected = expectedAnswer(account, accounts)
    if (status === 200 && isDeepStrictEqual(withSsnAsText(text), expected)) continue
    throw new Error(`${server} answers ${status}\n${text}\ninstead of\n${JSON.stringify(expected)}`)
  }
}

async function call(server: string, url: string) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    return { status: response.status, text: await response.text() }
  } catch (error) {
    throw new Error(`${server} does not answer`, { cause: error })
  }
}

/** Servers may send `ssn_last4` as a number or as text. */
function withSsnAsText(text: string) {
  const answer = JSON.parse(text) as { data?: { customer?: Customer } }
  const customer = answer.data?.customer
  if (customer?.ssn_last4 !== undefined) customer.ssn_last4 = String(customer.ssn_last4)
  return answer
}
