// What an error code of the transaction APIs tells about the transaction, beyond its name.
import { errorCodeNamed } from '../protocol/error-codes.ts'
import { produceKey } from './api-keys.ts'

export const none = 0
const timedOut = errorCodeNamed('REQUEST_TIMED_OUT')
const notAvailable = errorCodeNamed('COORDINATOR_NOT_AVAILABLE')
const notCoordinator = errorCodeNamed('NOT_COORDINATOR')
const afterAppend = errorCodeNamed('NOT_ENOUGH_REPLICAS_AFTER_APPEND')
const duplicateSequence = errorCodeNamed('DUPLICATE_SEQUENCE_NUMBER')
const unknownServerError = errorCodeNamed('UNKNOWN_SERVER_ERROR')
const invalidEpoch = errorCodeNamed('INVALID_PRODUCER_EPOCH')
const producerFenced = errorCodeNamed('PRODUCER_FENCED')
export const invalidState = errorCodeNamed('INVALID_TXN_STATE')
export const invalidMapping = errorCodeNamed('INVALID_PRODUCER_ID_MAPPING')
export const concurrentTransactions = errorCodeNamed('CONCURRENT_TRANSACTIONS')

/** Somebody else holds the transactional id, or the coordinator gave up on this epoch. */
export function meansFenced(code: number): boolean {
  return code === producerFenced || code === invalidEpoch
}

/** The one case where a stale epoch may be the client's own doing: a batch that crossed its own EndTxn. */
export function mayBeOwnBump(apiKey: number, code: number): boolean {
  return apiKey === produceKey && code === invalidEpoch
}

/** EndTxn answered so has certainly not been applied by this request. */
export function endRefused(code: number): boolean {
  return (
    code !== none &&
    code !== timedOut &&
    code !== notAvailable &&
    code !== notCoordinator &&
    code !== unknownServerError
  )
}

/** The broker that answered does not coordinate the id, or not any more. */
export function coordinatorLost(code: number): boolean {
  return code === notAvailable || code === notCoordinator
}

/** An error answer that may stand for an appended batch, so the client cannot call the send failed. */
export function batchMayBeInLog(code: number): boolean {
  return (
    code === timedOut ||
    code === afterAppend ||
    code === duplicateSequence ||
    code === unknownServerError
  )
}
