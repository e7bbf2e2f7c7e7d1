/** What the call log stores about a call. Only calls with the correct secret have a record. */
import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { REPLICA } from '../calls/call-log.ts'
import type { NewCall } from '../calls/store-calls.ts'
import type { JitPayload } from '../contract.ts'

/** All times except the arrival are on the clock of performance.now(); 0: not reached. */
export interface CallRecord {
  arrivedAt: number
  externalId: string | null
  lookupStart: number
  connectedAt: number | undefined
  lookupEnd: number
  omitted: string[] | undefined
  error: string | undefined
  sent: { balance: number; currentBalance: number | undefined; children: number; sha256: string } | undefined
}

export const createCallRecord = (): CallRecord => ({
  arrivedAt: Date.now(),
  externalId: null,
  lookupStart: 0,
  connectedAt: undefined,
  lookupEnd: 0,
  omitted: undefined,
  error: undefined,
  sent: undefined,
})

export function recordSent(call: CallRecord, { data }: JitPayload, body: string) {
  call.sent = {
    balance: data.debt_account.balance,
    currentBalance: data.debt_account.current_balance,
    children: data.child_debt_accounts?.length ?? 0,
    sha256: hash('sha256', body, 'hex'),
  }
}

/** @param logged the fields of the log line: the name of a field of Tratta's, or a described error */
export function recordError(call: CallRecord, { field, error }: Record<string, unknown>) {
  const code = (error as { code?: string } | undefined)?.code
  call.error = typeof field === 'string' ? field : code
}

export function callLogRow(call: CallRecord, request: FastifyRequest, reply: FastifyReply): NewCall {
  const { lookupStart, connectedAt, lookupEnd, sent } = call
  return {
    time: new Date(call.arrivedAt),
    request_id: request.id,
    external_id: call.externalId,
    outcome: request.outcome,
    status: request.outcome === 'client_disconnected' ? null : reply.statusCode,
    ms: rounded(reply.elapsedTime),
    connection_ms: connectedAt === undefined ? undefined : rounded(connectedAt - lookupStart),
    database_ms: lookupEnd === 0 ? undefined : rounded(lookupEnd - lookupStart),
    replica: REPLICA,
    client: request.clientAddress || null,
    balance: sent?.balance,
    current_balance: sent?.currentBalance,
    children: sent?.children,
    omitted: call.omitted,
    error: call.error,
    body_sha256: sent && `\\x${sent.sha256}`,
  }
}

const rounded = (ms: number) => Math.round(ms * 100) / 100
