/** All drills by name, in the order in which they run. */
import { clockJump } from './clock-jump.ts'
import type { Drill } from './drill.ts'
import { failover } from './failover.ts'
import { fullLogDisk } from './full-log-disk.ts'
import { guessingSecrets } from './guessing.ts'
import { invalidFields, largeAnswers } from './large-accounts.ts'
import { memoryLimit } from './memory-limit.ts'
import { pgBouncerNamed, pgBouncerUnnamed } from './pgbouncer.ts'
import { postgresKilled, postgresRestarted, postgresSilent } from './postgres-faults.ts'
import { connectionsExhausted, postgresReadOnly } from './postgres-limits.ts'
import { replicaFallback } from './replica-fallback.ts'
import { liveMigration, rollingRestart } from './rolling.ts'
import { rotation } from './rotation.ts'
import { slowClients } from './slow-clients.ts'

export const DRILLS: Record<string, Drill> = {
  'postgres-killed': postgresKilled,
  'postgres-silent': postgresSilent,
  'postgres-restarted': postgresRestarted,
  'connections-exhausted': connectionsExhausted,
  'postgres-read-only': postgresReadOnly,
  failover,
  'replica-fallback': replicaFallback,
  'pgbouncer-unnamed': pgBouncerUnnamed,
  'pgbouncer-named': pgBouncerNamed,
  'rolling-restart': rollingRestart,
  'live-migration': liveMigration,
  rotation,
  'slow-clients': slowClients,
  'guessing-secrets': guessingSecrets,
  'full-log-disk': fullLogDisk,
  'memory-limit': memoryLimit,
  'invalid-fields': invalidFields,
  'large-answers': largeAnswers,
  'clock-jump': clockJump,
}
