/** The OpenAPI 3.1 description of the public port, generated from the schemas that the program uses. */
import type { TObject } from '@sinclair/typebox'
import { JitPayload } from '../contract.ts'
import { VERSION } from '../version.ts'
import { JitParameters } from './jit-route.ts'
import { CALL_OUTCOMES, PROBLEMS, type ProblemCode } from './problem.ts'

export interface Operation {
  summary: string
  parameters?: Parameter[]
  responses: Record<string, Response>
}

export interface Parameter {
  name: string
  in: 'path' | 'query'
  required: boolean
  description: string
  schema: object
}

interface Response {
  description: string
  headers?: Record<string, object>
  content: Record<string, { schema: object }>
}

export interface OpenApi {
  openapi: '3.1.1'
  info: { title: string; version: string; description: string }
  servers?: { url: string }[]
  paths: Record<string, { get: Operation }>
  components: { schemas: Record<string, object> }
}

const isProblem = (outcome: string): outcome is ProblemCode => Object.hasOwn(PROBLEMS, outcome)

/** @param publicUrl PUBLIC_URL, if it is set */
export function openApi(publicUrl?: string): OpenApi {
  return {
    openapi: '3.1.1',
    info: {
      title: 'tratta-jit',
      version: VERSION,
      description:
        "Answers Tratta's just-in-time question about a debt account. Money is integer cents. What is absent is " +
        'absent: no null and no empty text is sent. Every answer carries Cache-Control: no-store.',
    },
    ...(publicUrl && { servers: [{ url: publicUrl }] }),
    paths: {
      '/jit/{secret}': {
        get: {
          summary: 'Return the data of a debt account',
          parameters: [
            {
              name: 'secret',
              in: 'path',
              required: true,
              description: 'JIT_SECRET, JIT_SECRET_PREVIOUS or JIT_SECRET_NEXT',
              schema: { type: 'string' },
            },
            ...queryParameters(JitParameters),
          ],
          responses: {
            200: json(
              'The account with its customer, its location and its children',
              reference('JitPayload'),
            ),
            ...problems([...CALL_OUTCOMES.filter(isProblem), 'not_found']),
          },
        },
      },
      '/health/live': {
        get: {
          summary: 'Check that the process is running',
          responses: { 200: json('The process is running', object({ status: { const: 'live' } })) },
        },
      },
      '/health/ready': {
        get: {
          summary: 'Check that the service is ready to answer calls',
          responses: {
            200: json(
              'The service is ready',
              object({ status: { const: 'ready' }, registration: { type: 'string' } }),
            ),
            ...problems(['not_ready']),
          },
        },
      },
    },
    components: { schemas: { JitPayload: plain(JitPayload), Problem: PROBLEM } },
  }
}

/** RFC 9457, with the fields that sendProblem adds. */
const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'request_id'],
  properties: {
    type: { const: 'about:blank' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { enum: Object.keys(PROBLEMS), description: 'error code' },
    detail: { type: 'string' },
    field: { type: 'string', description: 'the field of the account that cannot be sent' },
    request_id: { type: 'string', description: 'identifies the request in the log' },
  },
}

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })

const object = (properties: Record<string, object>) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
})

const json = (description: string, schema: object): Response => ({
  description,
  content: { 'application/json': { schema } },
})

function queryParameters(parameters: TObject): Parameter[] {
  return Object.entries(parameters.properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: parameters.required?.includes(name) ?? false,
    description: schema.description ?? '',
    schema: plain(schema),
  }))
}

/** Responses with these codes have a Retry-After header. */
const RETRY_AFTER: ProblemCode[] = ['too_many_guesses', 'database_unavailable', 'database_busy']

/** One response for each status, which lists the codes of that status. */
function problems(codes: ProblemCode[]): Record<string, Response> {
  const responses: Record<string, Response> = {}
  for (const [status, sharing] of Map.groupBy(codes, (code) => PROBLEMS[code].status)) {
    responses[status] = {
      description: sharing.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
      ...(sharing.some((code) => RETRY_AFTER.includes(code)) && {
        headers: { 'Retry-After': { description: 'in seconds', schema: { type: 'integer' } } },
      }),
      content: {
        'application/problem+json': {
          schema: { allOf: [reference('Problem'), object({ code: { enum: sharing } })] },
        },
      },
    }
  }
  return responses
}

/** Plain JSON Schema, without TypeBox's symbols and without the keywords that only this program uses. */
function plain(schema: object): object {
  return JSON.parse(JSON.stringify(schema, (key, value) => (key === 'neverOmitted' ? undefined : value)))
}
