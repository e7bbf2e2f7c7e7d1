/**
 * Readers of setting values. Each gets the text from the environment, and throws an error that describes the valid
 * values and never contains the value: "must be …".
 */
import { isIP } from 'node:net'
import { type TObject, Type } from '@sinclair/typebox'
import { Customer, DebtAccount, Location } from './contract.ts'

function must(holds: boolean, be: string): asserts holds {
  if (!holds) throw new Error(`must be ${be}`)
}

export const integer = (min: number, max: number) => (text: string) => {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  must(number >= min && number <= max, `a whole number from ${min} to ${max}`)
  return number
}

export const oneOf =
  <const Value extends string>(...values: Value[]) =>
  (text: string): Value => {
    const value = values.find((each) => each === text)
    must(value !== undefined, `one of ${values.join(', ')}`)
    return value
  }

export const boolean = (text: string) => oneOf('true', 'false')(text) === 'true'

export const matching = (pattern: RegExp, be: string) => (text: string) => {
  must(pattern.test(text), be)
  return text
}

/** An http(s) URL; a trailing slash is removed. */
export const httpAddress = (text: string) => {
  const url = URL.parse(text)
  must(
    url !== null &&
      ['http:', 'https:'].includes(url.protocol) &&
      url.username + url.password + url.search + url.hash === '',
    'an http(s) URL without user, query and fragment',
  )
  return text.replace(/[/?#]+$/, '')
}

/** An http(s) URL, with or without user and password; `host:port` is http. */
export const proxyAddress = (text: string) => {
  const url = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  must(
    url !== null &&
      ['http:', 'https:'].includes(url.protocol) &&
      url.pathname + url.search + url.hash === '/',
    'the URL of an HTTP proxy, http://user:password@host:port',
  )
  return url.href
}

/** @returns host names in lower case */
export const hosts = (text: string) =>
  text
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)

/** @returns the names in lower case */
export const hostNames = (text: string) => {
  const names = text.split(',').flatMap((name) => name.trim().toLowerCase() || [])
  must(
    names.every((name) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)),
    'a comma-separated list of host names without port',
  )
  return names
}

export const secret = matching(/^[A-Za-z0-9._~-]{32,200}$/, '32 to 200 of the characters A-Z a-z 0-9 . _ ~ -')

/** @returns the ranges as written, after validation */
export const cidrs = (text: string) => {
  const ranges = text.split(',').flatMap((range) => range.trim() || [])
  for (const range of ranges) {
    const [address = '', bits, ...rest] = range.split('/')
    const maxBits = isIP(address) === 4 ? 32 : 128
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= maxBits)
    must(isIP(address) > 0 && fits && rest.length === 0, 'a comma-separated list of addresses or CIDR ranges')
  }
  return ranges
}

/** Fields without which Tratta still gets a correct account, `customer.ssn_last4`. */
const OMITTABLE = Object.entries<TObject>({
  debt_account: DebtAccount,
  customer: Customer,
  location: Location,
}).flatMap(([resource, { properties, required = [] }]) =>
  Object.entries({ ...properties, additional_fields: Type.Unknown() }).flatMap(([name, field]) =>
    required.includes(name) || name === 'external_id' || field.neverOmitted ? [] : `${resource}.${name}`,
  ),
)

export const omittableFields = (text: string) => {
  const fields = text.split(',').flatMap((field) => field.trim() || [])
  must(
    fields.every((field) => OMITTABLE.includes(field)),
    `a comma-separated list of ${OMITTABLE.join(', ')}`,
  )
  return fields
}
