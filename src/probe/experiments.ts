/** All experiments, in the order in which they run. Later ones use what earlier ones uploaded. */
import { rateLimit, unknownBulk, wrongToken } from './access-experiments.ts'
import {
  bulkAnswer,
  errorShape,
  errorsReady,
  existingCustomers,
  invalidRows,
  takenMessage,
} from './bulk-experiments.ts'
import type { Experiment } from './experiment.ts'
import { errorIds, idComparison, paging } from './id-experiments.ts'
import {
  calledUrl,
  registerTwice,
  registrationCheck,
  urlQuery,
  urlSlash,
} from './registration-experiments.ts'
import {
  callTimeout,
  relayedErrors,
  ssnLast4,
  triggerAnswer,
  triggerErrors,
  unknownParents,
} from './trigger-experiments.ts'
import { bulkBytes, bulkRows, cutConnection, parallelRequests } from './upload-limits.ts'

export const EXPERIMENTS: readonly Experiment[] = [
  wrongToken,
  unknownBulk,
  bulkAnswer,
  errorsReady,
  invalidRows,
  errorShape,
  errorIds,
  takenMessage,
  existingCustomers,
  idComparison,
  paging,
  bulkBytes,
  bulkRows,
  parallelRequests,
  cutConnection,
  registerTwice,
  registrationCheck,
  calledUrl,
  urlSlash,
  urlQuery,
  triggerAnswer,
  relayedErrors,
  triggerErrors,
  callTimeout,
  ssnLast4,
  unknownParents,
  rateLimit,
]
