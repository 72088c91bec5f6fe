// The routes of runs that somebody conducts from outside: begun, their clocks, their verdict, their end.
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Recognition } from '../flow/recognition.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import * as answers from './answers.ts'
import { bodyProblems, list, noContent, withProblems } from './answers.ts'
import type { Audited, Live } from './live.ts'
import { type Named, NameParam } from './route-params.ts'
import type { Runs, RunVerdict } from './runs.ts'

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const VerdictBody = Type.Object(
  {
    verdict: Type.Enum(['PASS', 'FAIL', 'INCONCLUSIVE']),
    expected: Type.Optional(Type.Enum(['PASS', 'FAIL', 'INCONCLUSIVE'])),
    reasons: Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 100 }),
    records: Type.Optional(
      Type.Object(
        {
          expected: Count,
          committed: Count,
          lost: Count,
          duplicated: Count,
          unexpected: Count,
        },
        { additionalProperties: false, description: 'What the audit has counted, for the metrics' },
      ),
    ),
    anomalies: Type.Optional(
      Type.Array(
        Type.Object(
          { kind: Type.String({ pattern: '^[a-z-]+$', maxLength: 40 }), count: Count },
          { additionalProperties: false },
        ),
        { maxItems: 100, description: 'What it has found, for the metrics' },
      ),
    ),
  },
  {
    additionalProperties: false,
    examples: [{ verdict: 'FAIL', expected: 'PASS', reasons: ['3 records twice'] }],
  },
)

const Glob = Type.String({ minLength: 1, maxLength: 1_000 })
const RecognitionBody = Type.Object(
  {
    instance: NameParam.properties.name,
    clientId: Type.Optional(Glob),
    transactionalId: Type.Optional(Glob),
  },
  { additionalProperties: false },
)

export function addRuns(
  app: FastifyInstance,
  { runs, engine, live }: { runs: Runs; engine: RemoteEngine; live: Live },
): void {
  app.get(
    '/v1/runs',
    {
      schema: {
        tags: ['runs'],
        operationId: 'listRuns',
        summary: 'Runs conducted with this proxy, and their verdicts',
        response: withProblems({ 200: list(answers.Run, 'runs') }),
      },
    },
    async () => ({ runs: runs.list() }),
  )
  app.post<{
    Body: {
      name: string
      instances: string[]
      topicAliases?: Record<string, string>
      recognised?: Recognition[]
      calledBy?: string
    }
  }>(
    '/v1/runs',
    {
      schema: {
        tags: ['runs'],
        operationId: 'startRun',
        summary: 'Begin a run: listeners of its own for each application instance',
        body: Type.Object(
          {
            name: NameParam.properties.name,
            instances: Type.Array(NameParam.properties.name, { maxItems: 100, uniqueItems: true }),
            topicAliases: Type.Optional(
              Type.Record(Type.String(), Type.String({ maxLength: 249 }), {
                maxProperties: 100,
                description: 'What its faults may call topics: role to real name',
              }),
            ),
            recognised: Type.Optional(
              Type.Array(RecognitionBody, {
                maxItems: 100,
                description:
                  'Instances that come by the listener for everybody, and how they are known',
              }),
            ),
            calledBy: Type.Optional(
              Type.String({
                pattern: '^[A-Za-z0-9.:_-]+$',
                maxLength: 253,
                description:
                  'The host by which the caller reaches this proxy: its instances are told it, where the proxy listens for everybody',
              }),
            ),
          },
          {
            additionalProperties: false,
            examples: [
              { name: 'nightly', instances: ['app-0', 'app-1'], topicAliases: { input: 'orders' } },
            ],
          },
        ),
        response: withProblems({ 201: answers.Run }, ...bodyProblems, 'conflict', 'address-in-use'),
      },
    },
    async (request, reply) => {
      const { name, instances, topicAliases, recognised, calledBy } = request.body
      const run = await runs.start(name, instances, topicAliases ?? {}, recognised ?? [], calledBy)
      return reply.code(201).header('location', `/v1/runs/${run.name}`).send(run)
    },
  )
  app.get<Named>(
    '/v1/runs/:name',
    {
      schema: {
        tags: ['runs'],
        operationId: 'getRun',
        summary: 'One run; asking for it tells that its conductor lives',
        params: NameParam,
        response: withProblems({ 200: answers.Run }, 'wrong-body', 'not-found'),
      },
    },
    async (request) => {
      runs.touch(request.params.name)
      return runs.named(request.params.name)
    },
  )
  const clocks = {
    warm: { summary: 'Start the clocks of `at:` and `every:`', act: () => engine.markWarm() },
    'stop-clocks': {
      summary: 'Let nothing more happen by the clock',
      act: () => engine.stopClocks(),
    },
  } as const
  for (const [word, { summary, act }] of Object.entries(clocks)) {
    app.post<Named>(
      `/v1/runs/:name/${word}`,
      {
        schema: {
          tags: ['runs'],
          operationId: word === 'warm' ? 'warmRun' : 'stopClocksOfRun',
          summary,
          params: NameParam,
          response: withProblems({ 200: answers.Run }, 'wrong-body', 'not-found'),
        },
      },
      async (request) => {
        const run = runs.named(request.params.name)
        await act()
        return run
      },
    )
  }
  app.put<
    Named & {
      Body: { verdict: RunVerdict; expected?: RunVerdict; reasons: string[] } & Audited
    }
  >(
    '/v1/runs/:name/verdict',
    {
      schema: {
        tags: ['runs'],
        operationId: 'putVerdict',
        summary: 'Leave the verdict of a run; it ends with that',
        params: NameParam,
        body: VerdictBody,
        response: withProblems({ 200: answers.Run }, ...bodyProblems, 'not-found'),
      },
    },
    async (request) => {
      const { records, anomalies, ...said } = request.body
      const run = await runs.end(request.params.name, said)
      live.audited({
        ...(records === undefined ? {} : { records }),
        ...(anomalies === undefined ? {} : { anomalies }),
      })
      return run
    },
  )
  app.delete<Named>(
    '/v1/runs/:name',
    {
      schema: {
        tags: ['runs'],
        operationId: 'endRun',
        summary: 'End a run: heal, disarm, close its listeners',
        params: NameParam,
        response: withProblems({ 204: noContent }, 'wrong-body', 'not-found'),
      },
    },
    async (request, reply) => {
      await runs.end(request.params.name)
      return reply.code(204).send()
    },
  )
}
