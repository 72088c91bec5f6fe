// Where `gauntlet txn` asks about transactions and ends them: at the brokers, or at a running proxy, with the same
// questions and the same answers.
import { createClusterView } from '../proxy/effects/cluster-view.ts'
import {
  type Aborted,
  type BrokerTransaction,
  createTransactionsAtBrokers,
  type HangingTransaction,
} from '../proxy/effects/transactions-at-brokers.ts'
import type { BrokerAccess } from '../proxy/flow/access.ts'
import { createBrokers } from '../proxy/flow/brokers.ts'
import type { SocketAddress } from '../proxy/flow/sockets.ts'
import { createTopicNames } from '../proxy/flow/topic-names.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import type { TransactionView } from '../proxy/transactions/tracker.ts'
import { askRest, type RestProxy } from './rest-client.ts'

export interface ListedTransaction {
  transactionalId: string
  /** The coordinator's word, or the phase that the proxy sees. */
  state: string
  producerId: number
  producerEpoch: number
  coordinator?: number
  ageMs?: number
  partitions: readonly string[]
  marks: readonly string[]
}

export interface DescribedTransaction {
  seen?: TransactionView & { marks: readonly string[] }
  cluster?: BrokerTransaction
}

export interface TransactionDesk {
  list(): Promise<ListedTransaction[]>
  /** Empty when nobody knows it. */
  describe(id: string): Promise<DescribedTransaction>
  hanging(olderThanMs: number): Promise<HangingTransaction[]>
  abort(id: string): Promise<Aborted>
  close(): void
}

export function deskAtBrokers(
  bootstrap: readonly SocketAddress[],
  access?: BrokerAccess,
): TransactionDesk {
  const brokers = createBrokers(bootstrap, access)
  const runtime = systemRuntime(0)
  const cluster = createClusterView(brokers, createTopicNames(), {})
  const transactions = createTransactionsAtBrokers({ brokers, cluster, runtime })

  return {
    async list() {
      const nowMs = runtime.nowMs()
      return (await transactions.list()).map(({ startedAtMs, timeoutMs, ...one }) => {
        const ageMs = startedAtMs === undefined ? undefined : Math.max(0, nowMs - startedAtMs)
        const isLate = ageMs !== undefined && ageMs > timeoutMs && one.state === 'Ongoing'
        return {
          ...one,
          ...(ageMs === undefined ? {} : { ageMs }),
          marks: isLate ? ['hanging'] : [],
        }
      })
    },
    async describe(id) {
      const found = await transactions.describe(id)
      return found === undefined ? {} : { cluster: found }
    },
    hanging: transactions.hanging,
    abort: transactions.abort,
    close: () => brokers.close(),
  }
}

export function deskAtProxy(proxy: RestProxy): TransactionDesk {
  const pathOf = (id: string): string => `/v1/transactions/${encodeURIComponent(id)}`
  return {
    async list() {
      const { body } = await askRest<{
        transactions: Array<TransactionView & { marks: string[] }>
      }>(proxy, 'GET', '/v1/transactions')
      return body.transactions.map(({ phase, ...view }) => ({ ...view, state: phase }))
    },
    describe: async (id) => (await askRest<DescribedTransaction>(proxy, 'GET', pathOf(id))).body,
    async hanging(olderThanMs) {
      const path = `/v1/hanging-transactions?older-than=${olderThanMs}ms`
      const { body } = await askRest<{ transactions: HangingTransaction[] }>(proxy, 'GET', path)
      return body.transactions
    },
    abort: async (id) =>
      (await askRest<Aborted>(proxy, 'POST', `${pathOf(id)}/abort`, { confirm: id })).body,
    close: () => undefined,
  }
}
