import t from 'tap'
import {
  isUrlTaken,
  readErrorMessage,
  reportsFailure,
  validationMessages,
} from '../../src/tratta/error-body.ts'

t.test('validationMessages', async (t) => {
  t.strictSame(validationMessages({ errors: { a: ['b', 1], c: 'd', e: { message: 'f' } } }), [
    { field: 'a', messages: ['b', '1'] },
    { field: 'c', messages: ['d'] },
    { field: 'e', messages: ['f'] },
  ])
  t.strictSame(validationMessages({ errors: 'x' }), [{ field: '', messages: ['x'] }])
  t.strictSame(validationMessages({ errors: ['x', { field: 'a', message: 'y' }, 'z'] }), [
    { field: '', messages: ['x', 'z'] },
    { field: 'a', messages: ['y'] },
  ])
  for (const body of [null, undefined, 'x', [], {}, { errors: null }, { errors: '' }])
    t.strictSame(validationMessages(body), [])
})

t.test('readErrorMessage', async (t) => {
  for (const [body, message] of [
    [{ message: 'a', error: 'b', errorCode: 1 }, 'a b 1'],
    [{ message: 'a', errors: { url: ['b'], '': ['c'] } }, 'url: b; c'],
    [{ error: { message: 'a' } }, 'a'],
    [{ data: { error: '<b>a</b>' } }, 'a'],
    [{ data: 1 }, undefined],
    ['a', undefined],
  ] as const)
    t.equal(readErrorMessage(body), message, JSON.stringify(body))
})

t.test('reportsFailure', async (t) => {
  for (const body of [
    { success: false },
    { status: 'error' },
    { status: 'Failed' },
    { error: 'x' },
    { error: true },
    { errors: ['x'] },
    { errors: { url: ['x'] } },
    { data: { success: false } },
    { data: { error: 'x' } },
    { data: { errors: ['x'] } },
  ])
    t.ok(reportsFailure(body), JSON.stringify(body))
  for (const body of [
    undefined,
    'error',
    [],
    {},
    { success: true },
    { status: 'pending', error: null, errors: [] },
    { error: false, errors: {} },
    { error: '', data: { url: 'x', status: 'error' } },
    { data: [{ error: 'x' }] },
  ])
    t.notOk(reportsFailure(body), JSON.stringify(body))
})

t.test('isUrlTaken', async (t) => {
  const url = (message: string, status = 422) => ({ status, body: { errors: { url: [message] } } })
  for (const error of [
    { status: 409, body: undefined },
    { status: 409, body: { message: 'Conflict' } },
    url('The url has already been taken.'),
    url('The url already exists.'),
    url('The url must be unique.'),
    url('validation.unique'),
    url('This url is already in use'),
    url('duplicate'),
    url('The url has already been registered.', 400),
    url('The url has already been taken.', 200),
    { status: 422, body: { errors: { 'data.url': 'is already registered' } } },
    { status: 422, body: { message: 'The url has already been taken.' } },
  ])
    t.ok(isUrlTaken(error), JSON.stringify(error))
  for (const error of [
    url('The url format is invalid.'),
    url('The url has already been taken.', 500),
    { status: 422, body: { errors: { url: ['already taken', 'The url format is invalid.'] } } },
    { status: 422, body: { errors: { name: ['The name has already been taken.'] } } },
    { status: 422, body: { message: 'The name has already been taken.' } },
    { status: 401, body: { message: 'url already taken' } },
    { status: undefined, body: undefined },
  ])
    t.notOk(isUrlTaken(error), JSON.stringify(error))
})
