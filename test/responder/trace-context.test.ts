import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { service } from '../support/program.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

t.test('traceparent of the caller is in the log line, if it is valid', async (t) => {
  const database = await testDatabase(t)
  const { url, requestLine } = await service(t, database.url)
  const logged = async (traceparent: string) => {
    const response = await fetch(`${url}/jit/none`, { headers: { traceparent } })
    const { request_id } = (await response.json()) as { request_id: string }
    const { trace_id, parent_span_id } = await requestLine(request_id)
    return [trace_id, parent_span_id]
  }
  t.same(await logged(`00-${TRACE}-${SPAN}-01`), [TRACE, SPAN])
  t.same(await logged(`cc-${TRACE}-${SPAN}-01-later`), [TRACE, SPAN], 'a later version')
  for (const invalid of [
    'secret',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01\tx`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  ])
    t.same(await logged(invalid), [undefined, undefined], invalid)
})
