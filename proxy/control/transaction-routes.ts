// The routes of transactions: what the proxy sees of them, what the brokers say, and ending one, with a confirmation.
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { Duration, durationMs } from '../faults/vocabulary.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import type { TransactionView } from '../transactions/tracker.ts'
import * as answers from './answers.ts'
import { bodyProblems, list, withProblems } from './answers.ts'
import { RestError } from './problem.ts'

/** Open for longer than this is worth a look, unless another bound is given. */
const olderThanDefault = '1m'

const IdParam = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 500, description: 'The transactional id' }),
})
type WithId = { Params: { id: string } }

type Mark = 'hanging' | 'zombie'

/** Open past its timeout, or of a producer that another has fenced. */
export function marksOf({ phase, ageMs, timeoutMs, fenced }: TransactionView): Mark[] {
  const isOpen = phase !== 'idle' && phase !== 'ended'
  return [
    ...(isOpen && timeoutMs !== undefined && ageMs > timeoutMs ? (['hanging'] as const) : []),
    ...(fenced ? (['zombie'] as const) : []),
  ]
}

export function addTransactions(app: FastifyInstance, engine: RemoteEngine): void {
  app.get(
    '/v1/transactions',
    {
      schema: {
        tags: ['state'],
        operationId: 'listTransactions',
        summary: 'Every transactional id seen, and where it stands',
        response: withProblems({ 200: list(answers.Transaction, 'transactions') }),
      },
    },
    async () => ({
      transactions: (await engine.transactions()).map((view) => ({
        ...view,
        marks: marksOf(view),
      })),
    }),
  )
  app.get<WithId>(
    '/v1/transactions/:id',
    {
      schema: {
        tags: ['state'],
        operationId: 'getTransaction',
        summary: 'One transactional id: as the proxy sees it, and as its coordinator describes it',
        params: IdParam,
        response: withProblems(
          {
            200: Type.Object({
              seen: Type.Optional(answers.Transaction),
              cluster: Type.Optional(answers.BrokerTransaction),
            }),
          },
          'wrong-body',
          'not-found',
          'cluster-unavailable',
        ),
      },
    },
    async (request) => {
      const { id } = request.params
      const [views, cluster] = await Promise.all([
        engine.transactions(),
        engine.describeTransaction(id),
      ])
      const seen = views.find(({ transactionalId }) => transactionalId === id)
      if (seen === undefined && cluster === undefined) {
        const remedy = 'GET /v1/transactions lists those that passed here.'
        throw new RestError('not-found', `nobody knows the transactional id "${id}"`, remedy)
      }
      return {
        ...(seen === undefined ? {} : { seen: { ...seen, marks: marksOf(seen) } }),
        ...(cluster === undefined ? {} : { cluster }),
      }
    },
  )
  app.get<{ Querystring: { 'older-than'?: string } }>(
    '/v1/hanging-transactions',
    {
      schema: {
        tags: ['state'],
        operationId: 'findHanging',
        summary: 'Asks every broker for transactions that hang, or are open for long',
        querystring: Type.Object(
          {
            'older-than': Type.Optional({
              ...Duration,
              description: 'Open for longer than this; 1m unless given.',
            } as typeof Duration),
          },
          { additionalProperties: false },
        ),
        response: withProblems(
          { 200: list(answers.HangingTransaction, 'transactions') },
          'wrong-body',
          'cluster-unavailable',
        ),
      },
    },
    async (request) => ({
      transactions: await engine.hangingTransactions(
        durationMs(request.query['older-than'] ?? olderThanDefault),
      ),
    }),
  )
  app.post<WithId & { Body: { confirm: string } }>(
    '/v1/transactions/:id/abort',
    {
      schema: {
        tags: ['state'],
        operationId: 'abortTransaction',
        summary:
          'Abort an open transaction: by fencing its producer, or by markers where no coordinator knows it',
        params: IdParam,
        body: Type.Object(
          {
            confirm: Type.String({
              maxLength: 500,
              description: 'The same id once more: whoever produces under it is fenced',
            }),
          },
          { additionalProperties: false },
        ),
        response: withProblems(
          { 200: answers.Aborted },
          ...bodyProblems,
          'unknown-transaction',
          'cannot-do-here',
          'cluster-unavailable',
        ),
      },
    },
    async (request) => {
      const { id } = request.params
      if (request.body.confirm !== id) {
        const detail = '`confirm` is not the id of the transaction to abort'
        throw new RestError(
          'wrong-body',
          detail,
          'Put the id into `confirm` to say that you mean it.',
        )
      }
      return engine.abortTransaction(id)
    },
  )
}
