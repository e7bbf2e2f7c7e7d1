import type { FastifyRequest } from 'fastify'

/** W3C Trace Context: version, trace id, id of the caller's span, flags. Later versions may append fields. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-[\da-f]{2}(?:$|-)/

/** The ids of the caller's trace for the log line, in the names of OpenTelemetry. Nothing for an invalid header. */
export function traceOf({ headers }: FastifyRequest) {
  const { traceparent } = headers
  const [, trace_id, span_id] = (typeof traceparent === 'string' && TRACEPARENT.exec(traceparent)) || []
  return trace_id && { trace_id, parent_span_id: span_id }
}
