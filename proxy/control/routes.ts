// Every route of REST: what it asks for, what it answers, and which part does the work. No logic of its own.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Reach } from '../faults/reach.ts'
import { Duration, durationMs } from '../faults/vocabulary.ts'
import type { Recognition } from '../flow/recognition.ts'
import type { Runtime } from '../runtime.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import * as answers from './answers.ts'
import { bodyProblems, list, noContent, withProblems } from './answers.ts'
import { type ArmedFaults, expiresDefaultMs, expiresMaxMs } from './armed-faults.ts'
import type { ArmedPlans } from './armed-plans.ts'
import type { EventFeed } from './event-feed.ts'
import type { Audited, Live } from './live.ts'
import { FieldProblem, RestError } from './problem.ts'
import type { Readiness } from './readiness.ts'
import type { Runs, RunVerdict } from './runs.ts'
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

const NameParam = Type.Object({
  name: Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$',
    maxLength: 100,
    description: 'Letters, digits, `_`, `.` and `-`',
  }),
})
type Named = { Params: { name: string } }

const ExpiresQuery = Type.Object(
  {
    expires: Type.Optional({
      ...Duration,
      description: 'Disarmed by itself after this time; 60s unless given, a day at most.',
    } as typeof Duration),
  },
  { additionalProperties: false },
)
type Expires = { Querystring: { expires?: string } }

function expiresMs(query: { expires?: string }, defaultMs: number): number {
  if (query.expires === undefined) return defaultMs
  const wantedMs = durationMs(query.expires)
  if (wantedMs >= 1 && wantedMs <= expiresMaxMs) return wantedMs
  const detail = `\`expires\` ${query.expires} is out of bounds`
  throw new RestError('wrong-body', detail, 'Give a time above zero and up to 24h.')
}

export function addRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { engine, faults, plans, runs, feed, live, readiness } = parts
  addAbout(app, parts)

  app.get<{ Querystring: { all?: boolean } }>(
    '/v1/faults',
    {
      schema: {
        tags: ['faults'],
        operationId: 'listFaults',
        summary:
          'Every armed fault with its counters and firings; with `all` the disarmed ones too',
        querystring: Type.Object(
          { all: Type.Optional(Type.Boolean({ description: 'The disarmed ones too' })) },
          { additionalProperties: false },
        ),
        response: withProblems({ 200: list(answers.Fault, 'faults') }, 'wrong-body'),
      },
    },
    async (request) => ({
      faults: request.query.all === true ? await faults.history() : await faults.list(),
    }),
  )
  app.post<Expires>(
    '/v1/faults',
    {
      schema: {
        tags: ['faults'],
        operationId: 'armFault',
        summary: 'Arm a fault: the same JSON as an entry of a plan’s `faults`',
        querystring: ExpiresQuery,
        body: Type.Ref('Fault'),
        response: withProblems(
          { 201: answers.Fault },
          ...bodyProblems,
          'conflict',
          'cannot-do-here',
          'wrong-fault',
        ),
      },
    },
    async (request, reply) => {
      const fault = await faults.arm(request.body, expiresMs(request.query, expiresDefaultMs))
      return reply.code(201).header('location', `/v1/faults/${fault.name}`).send(fault)
    },
  )
  app.get<Named>(
    '/v1/faults/:name',
    {
      schema: {
        tags: ['faults'],
        operationId: 'getFault',
        summary: 'One armed fault',
        params: NameParam,
        response: withProblems({ 200: answers.Fault }, 'wrong-body', 'unknown-fault'),
      },
    },
    (request) => faults.named(request.params.name),
  )
  app.put<Named & Expires>(
    '/v1/faults/:name',
    {
      schema: {
        tags: ['faults'],
        operationId: 'putFault',
        summary: 'Arm a fault under this name; the same again changes only when it expires',
        params: NameParam,
        querystring: ExpiresQuery,
        body: Type.Ref('Fault'),
        response: withProblems(
          { 200: answers.Fault, 201: answers.Fault },
          ...bodyProblems,
          'conflict',
          'cannot-do-here',
          'wrong-fault',
        ),
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const expires = expiresMs(request.query, expiresDefaultMs)
      const { fault, created } = await faults.put(name, request.body, expires)
      return reply.code(created ? 201 : 200).send(fault)
    },
  )
  app.delete<Named>(
    '/v1/faults/:name',
    {
      schema: {
        tags: ['faults'],
        operationId: 'disarmFault',
        summary: 'Heal a fault and disarm it',
        params: NameParam,
        response: withProblems({ 204: noContent }, 'wrong-body', 'unknown-fault'),
      },
    },
    async (request, reply) => {
      await faults.disarm(request.params.name)
      return reply.code(204).send()
    },
  )
  const acts = {
    fire: {
      summary: 'Fire a fault now',
      act: (name: string) => engine.fire(name),
    },
    release: {
      summary: 'Let go what a fault holds until `released`',
      act: (name: string) => engine.release(name),
    },
    heal: {
      summary: 'End what a fault does now; it stays armed',
      act: (name: string) => engine.heal(name),
    },
  } as const
  for (const [word, { summary, act }] of Object.entries(acts)) {
    app.post<Named>(
      `/v1/faults/:name/${word}`,
      {
        schema: {
          tags: ['faults'],
          operationId: `${word}Fault`,
          summary,
          params: NameParam,
          response: withProblems(
            { 200: answers.Fault },
            'wrong-body',
            'unknown-fault',
            'wrong-fault',
          ),
        },
      },
      async (request) => {
        const { name } = request.params
        await faults.named(name)
        await act(name)
        return faults.named(name)
      },
    )
  }
  app.post(
    '/v1/heal',
    {
      schema: {
        tags: ['faults'],
        operationId: 'healAll',
        summary: 'Heal and disarm everything',
        response: withProblems({ 204: noContent }),
      },
    },
    async (_request, reply) => {
      await faults.healAll()
      return reply.code(204).send()
    },
  )

  addPlans(app, plans)
  addRuns(app, { runs, engine, live })

  addTransactions(app, engine)
  app.get(
    '/v1/groups',
    {
      schema: {
        tags: ['state'],
        operationId: 'listGroups',
        summary: 'Every consumer group seen, with its members',
        response: withProblems({ 200: list(answers.Group, 'groups') }),
      },
    },
    async () => ({ groups: await engine.groups() }),
  )
  app.get(
    '/v1/clients',
    {
      schema: {
        tags: ['state'],
        operationId: 'listClients',
        summary: 'Every client seen: what it does, with which library, and what is wrong with that',
        response: withProblems({ 200: list(answers.Client, 'clients') }),
      },
    },
    async () => ({ clients: await engine.posture() }),
  )
  app.get(
    '/v1/policies',
    {
      schema: {
        tags: ['state'],
        operationId: 'listPolicies',
        summary: 'What clients must keep to, and who does not',
        response: withProblems({ 200: list(answers.Policy, 'policies') }),
      },
    },
    async () => ({ policies: await engine.policies() }),
  )
  app.get(
    '/v1/brokers',
    {
      schema: {
        tags: ['state'],
        operationId: 'listBrokers',
        summary: 'Brokers known, and how many of the connections to them are hurt now',
        response: withProblems({ 200: list(answers.Broker, 'brokers') }),
      },
    },
    async () => ({ brokers: await engine.brokers() }),
  )
  app.get(
    '/v1/links',
    {
      schema: {
        tags: ['state'],
        operationId: 'listLinks',
        summary: 'Where the proxy listens, for whom, and which broker each port leads to',
        response: withProblems({ 200: list(answers.Link, 'links') }),
      },
    },
    async () => ({ links: await engine.doors() }),
  )
  app.get(
    '/v1/reach',
    {
      schema: {
        tags: ['state'],
        operationId: 'getReach',
        summary: 'What faults may hurt here: planes behind the proxy, and processes of brokers',
        response: withProblems({ 200: answers.Reach }),
      },
    },
    async () => parts.reach,
  )
  app.get(
    '/v1/connections',
    {
      schema: {
        tags: ['state'],
        operationId: 'listConnections',
        summary: 'Open connections',
        response: withProblems({ 200: list(answers.Connection, 'connections') }),
      },
    },
    async () => ({ connections: await engine.connections() }),
  )
  app.delete<{ Params: { id: number } }>(
    '/v1/connections/:id',
    {
      schema: {
        tags: ['state'],
        operationId: 'closeConnection',
        summary: 'Close one connection with a reset',
        params: Type.Object({
          id: Type.Integer({
            minimum: 1,
            maximum: Number.MAX_SAFE_INTEGER,
            description: 'As GET /v1/connections lists it',
          }),
        }),
        response: withProblems({ 204: noContent }, 'wrong-body', 'not-found'),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (!(await engine.cutConnection(id))) {
        const remedy = 'GET /v1/connections lists those that are open.'
        throw new RestError('not-found', `there is no connection ${id}`, remedy)
      }
      return reply.code(204).send()
    },
  )
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

function addPlans(app: FastifyInstance, plans: ArmedPlans): void {
  const PlanBody = Type.Object(
    {},
    {
      additionalProperties: true,
      description: 'A plan, as JSON, or as YAML with content type application/yaml',
      examples: [
        {
          name: 'slow-commits',
          faults: [
            {
              name: 'slow',
              when: { request: 'EndTxn', every: 2 },
              inject: { delay: { by: '200ms', of: 'reply' } },
            },
          ],
        },
      ],
    },
  )
  app.post(
    '/v1/plans/validate',
    {
      schema: {
        tags: ['plans'],
        operationId: 'validatePlan',
        summary: 'Say what is wrong with a plan; start nothing',
        consumes: ['application/json', 'application/yaml'],
        body: PlanBody,
        response: withProblems(
          {
            200: Type.Object({ valid: Type.Boolean(), problems: Type.Array(FieldProblem) }),
          },
          ...bodyProblems,
        ),
      },
    },
    async (request) => {
      const problems = plans.problemsOf(request.body)
      return { valid: problems.length === 0, problems }
    },
  )
  app.post<Expires>(
    '/v1/plans',
    {
      schema: {
        tags: ['plans'],
        operationId: 'startPlan',
        summary: 'Arm all faults of a plan; its clocks start now',
        consumes: ['application/json', 'application/yaml'],
        querystring: ExpiresQuery,
        body: PlanBody,
        response: withProblems(
          { 201: answers.ArmedPlan },
          ...bodyProblems,
          'conflict',
          'cannot-do-here',
          'wrong-fault',
        ),
      },
    },
    async (request, reply) => {
      const plan = await plans.start(request.body, expiresMs(request.query, plans.expiresDefaultMs))
      return reply.code(201).header('location', `/v1/plans/${plan.name}`).send(plan)
    },
  )
  app.get(
    '/v1/plans',
    {
      schema: {
        tags: ['plans'],
        operationId: 'listPlans',
        summary: 'Plans whose faults are armed',
        response: withProblems({ 200: list(answers.ArmedPlan, 'plans') }),
      },
    },
    async () => ({ plans: await plans.list() }),
  )
  app.get<Named>(
    '/v1/plans/:name',
    {
      schema: {
        tags: ['plans'],
        operationId: 'getPlan',
        summary: 'One plan and what has become of its faults',
        params: NameParam,
        response: withProblems({ 200: answers.ArmedPlan }, 'wrong-body', 'not-found'),
      },
    },
    (request) => plans.named(request.params.name),
  )
  app.delete<Named>(
    '/v1/plans/:name',
    {
      schema: {
        tags: ['plans'],
        operationId: 'stopPlan',
        summary: 'Heal and disarm all faults of a plan',
        params: NameParam,
        response: withProblems({ 204: noContent }, 'wrong-body', 'not-found'),
      },
    },
    async (request, reply) => {
      await plans.stop(request.params.name)
      return reply.code(204).send()
    },
  )
}

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

function addRuns(
  app: FastifyInstance,
  { runs, engine, live }: Pick<RouteParts, 'runs' | 'engine' | 'live'>,
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
