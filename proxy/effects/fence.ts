// A transactional id gets a new producer, made by the proxy's own InitProducerId. The one before is the zombie;
// the first refusal that it meets is the answer of the firing.
import type { FaultEffect } from '../faults/fault.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import type { FiringReport } from './firing-report.ts'
import { type Cause, type Heal, type Means, nothingToHeal } from './means.ts'

/** What the coordinator says while an open transaction is being aborted, or while it is not there. */
const passing: readonly string[] = [
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
]
const retryDelayMs = 50
/** Markers of the aborted transaction are written within milliseconds; a dead participant takes longer. */
const fenceLimitMs = 20_000
/** A zombie that has said nothing for so long is not waited for. */
const zombieLimitMs = 120_000
const timeoutDefaultMs = 60_000

const producerApis = [
  'Produce',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
  'InitProducerId',
] as const
const refusals = [
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
] as const

/** Waits for the first refusal that the zombie meets. */
function watchZombie({ rules, runtime }: Means, id: string, report: FiringReport): void {
  const cancels: Array<() => void> = []
  const stop = (): void => {
    for (const cancel of cancels) cancel()
  }
  for (const api of producerApis) {
    for (const error of refusals) {
      cancels.push(
        rules.wait({ reply: api, plane: 'client', 'transactional-id': id, error }, () => {
          stop()
          report.answered(`${error} to ${api}`)
        }),
      )
    }
  }
  cancels.push(runtime.after(zombieLimitMs, stop))
}

export async function fenceEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'fence' }>,
  report: FiringReport,
  cause: Cause | undefined,
): Promise<Heal> {
  const { brokers, cluster, runtime, tracker } = means
  const id = effect.transactionalId ?? cause?.view.subject().transactionalIds[0]
  if (id === undefined) throw new Error('the triggering message names no transactional id')
  report.firing.targets = [id]
  const before = tracker.transactions().find((view) => view.transactionalId === id)
  const endMs = runtime.nowMs() + fenceLimitMs
  for (;;) {
    const node = await cluster.coordinatorOf({ transactionalId: id })
    const answer =
      node === undefined
        ? undefined
        : await (await brokers.client(node)).request('InitProducerId', {
            transactionalId: id,
            transactionTimeoutMs: before?.timeoutMs ?? timeoutDefaultMs,
            producerId: -1n,
            producerEpoch: -1,
          })
    const error = answer === undefined ? passing[1] : errorNameOf(answer.errorCode as number)
    if (answer !== undefined && error === 'NONE') {
      watchZombie(means, id, report)
      report.applied(
        `${id} is producer ${answer.producerId}, epoch ${answer.producerEpoch} now, by broker ${node}`,
      )
      return nothingToHeal
    }
    if (error === undefined || !passing.includes(error) || runtime.nowMs() > endMs) {
      throw new Error(`InitProducerId for ${id} was answered ${error}`)
    }
    await new Promise<void>((resolve) => runtime.after(retryDelayMs, resolve))
  }
}
