// REST as a whole: every route of proxy/control in one place, and those that are about the proxy itself or follow it.
// No logic of their own.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Reach } from '../faults/reach.ts'
import type { Runtime } from '../runtime.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import * as answers from './answers.ts'
import { withProblems } from './answers.ts'
import type { ArmedFaults } from './armed-faults.ts'
import type { ArmedPlans } from './armed-plans.ts'
import type { EventFeed } from './event-feed.ts'
import { addFaults } from './fault-routes.ts'
import type { Live } from './live.ts'
import { addPlans } from './plan-routes.ts'
import type { Readiness } from './readiness.ts'
import { addRuns } from './run-routes.ts'
import type { Runs } from './runs.ts'
import { addState } from './state-routes.ts'
import { streamEvents } from './stream-events.ts'
import { addTransactions } from './transaction-routes.ts'

export interface RouteParts {
  engine: RemoteEngine
  runtime: Runtime
  faults: ArmedFaults
  plans: ArmedPlans
  runs: Runs
  feed: EventFeed
  live: Live
  reach: Reach
  readiness: Readiness
  version: string
  upSeconds(): number
  metrics(): Promise<{ contentType: string; text: string }>
}

export function addRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { engine, faults, plans, runs, feed, live, readiness } = parts
  addAbout(app, parts)
  addFaults(app, { engine, faults })
  addPlans(app, plans)
  addRuns(app, { runs, engine, live })

  addTransactions(app, engine)
  addState(app, { engine, reach: parts.reach })
  app.get<{ Querystring: { after?: number; types?: string; batched?: boolean } }>(
    '/v1/events',
    {
      sse: 'only',
      // A stream without a body would be kept open for nobody.
      exposeHeadRoute: false,
      schema: {
        tags: ['events'],
        operationId: 'followEvents',
        summary: 'Server-sent events of all that happens; Last-Event-ID goes on where one was',
        querystring: Type.Object(
          {
            after: Type.Optional(
              Type.Integer({
                minimum: 0,
                maximum: Number.MAX_SAFE_INTEGER,
                description: 'Begin after this id; 0 begins with the oldest kept',
              }),
            ),
            types: Type.Optional(
              Type.String({
                pattern: '^[a-z,-]+$',
                maxLength: 500,
                description: 'Only these types, with commas between',
              }),
            ),
            batched: Type.Optional(
              Type.Boolean({
                description:
                  'Many events in one message `batch`, a list of them; its id is that of the last',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        produces: ['text/event-stream'],
        response: withProblems(
          { 200: Type.String({ description: 'A stream of events' }) },
          'wrong-body',
          'not-acceptable',
          'too-many-streams',
        ),
      },
    },
    (
      request: FastifyRequest<{
        Querystring: { after?: number; types?: string; batched?: boolean }
      }>,
      reply,
    ) => streamEvents(feed, request.query, reply as FastifyReply, parts.runtime),
  )
  app.get(
    '/v1/verdict',
    {
      schema: {
        tags: ['events'],
        operationId: 'rollingVerdict',
        summary:
          'What can be said of the last minutes: of runs that were audited, and of what passed',
        response: withProblems({ 200: answers.RollingVerdict }),
      },
    },
    async () => {
      const { transactions } = await engine.counters()
      return live.verdict(runs.list(), transactions.hanging)
    },
  )
  app.get(
    '/ready',
    {
      schema: {
        tags: ['about'],
        operationId: 'ready',
        summary: 'Whether a broker answers through this proxy’s eyes',
        response: withProblems(
          { 200: Type.Object({ status: Type.Literal('ready') }) },
          'cluster-unavailable',
        ),
      },
    },
    async () => {
      await readiness.check()
      return { status: 'ready' }
    },
  )
}

function addAbout(app: FastifyInstance, parts: RouteParts): void {
  app.get(
    '/health',
    {
      schema: {
        tags: ['about'],
        operationId: 'health',
        summary: 'Whether the proxy lives; needs no broker',
        response: withProblems({ 200: answers.Health }),
      },
    },
    async () => ({ status: 'ok', version: parts.version, upSeconds: parts.upSeconds() }),
  )
  app.get(
    '/metrics',
    {
      schema: {
        tags: ['about'],
        operationId: 'metrics',
        summary: 'Metrics in Prometheus’ text format',
        produces: ['text/plain'],
        response: withProblems({ 200: Type.String() }),
      },
    },
    async (_request, reply) => {
      const { contentType, text } = await parts.metrics()
      return reply.header('content-type', contentType).send(text)
    },
  )
}
