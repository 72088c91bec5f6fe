// The REST interface of a running proxy: fastify, who may call, the routes, and the page. Runs on the starter's
// thread, so that whoever asks much does not slow the bytes that pass.
import rateLimit from '@fastify/rate-limit'
import { fastifySSE } from '@fastify/sse'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance } from 'fastify'
import { OperatorError } from '../errors.ts'
import type { ProxyEvent } from '../events.ts'
import type { FaultSpec } from '../faults/fault.ts'
import type { SocketAddress } from '../flow/sockets.ts'
import type { Runtime } from '../runtime.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import { createAccess, isLoopback } from './access.ts'
import { createArmedFaults } from './armed-faults.ts'
import { createArmedPlans } from './armed-plans.ts'
import { createEventFeed, lastEventHeader } from './event-feed.ts'
import { createLive } from './live.ts'
import { createMetrics } from './metrics.ts'
import { addPage } from './page.ts'
import { problemFor, problemMediaType, RestError } from './problem.ts'
import { createReadiness } from './readiness.ts'
import { addRoutes, faultSchema } from './routes.ts'
import { createRuns, type RunView } from './runs.ts'
import { requestValidator } from './validate-requests.ts'

export const bodyBytesMax = 256 * 1024
export const httpConnectionsMax = 200
/** Of one part of a path: transactional ids stand there. */
const paramCharactersMax = 1_000
/** Requests of one address in ten seconds. */
const requestsMax = 2_000
const requestsWindowMs = 10_000

export interface ControlOptions {
  engine: RemoteEngine
  runtime: Runtime
  listen: SocketAddress
  /** Required where others than this machine can reach it. */
  token: string | undefined
  /** Names beside loopback ones by which callers without a token may call. */
  hosts?: readonly string[]
  /** Faults that the proxy was started with. */
  faults: readonly FaultSpec[]
  /** The built page; without it, `/` says how to build it. */
  pageFile?: string
  version: string
  onProblem: (message: string) => void
}

export interface Control {
  address: SocketAddress
  /** Hands on what the proxy reports. */
  see(events: readonly ProxyEvent[]): void
  /** Runs conducted so far. */
  runs(): RunView[]
  close(): Promise<void>
}

/** Builds the interface without listening; `startControl` listens, tests inject. */
export async function buildControl(
  options: Omit<ControlOptions, 'listen'>,
): Promise<{ app: FastifyInstance } & Pick<Control, 'see' | 'runs'>> {
  const { engine, runtime, version } = options
  const startedAtMs = runtime.nowMs()
  const feed = createEventFeed()
  const live = createLive()
  const failed = (cause: unknown): void =>
    options.onProblem(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))
  const faults = createArmedFaults({ engine, runtime, given: options.faults, failed })
  const plans = createArmedPlans({ faults, runtime })
  const runs = createRuns({ engine, runtime, faults, failed })
  const metrics = createMetrics({ engine, live, runs, version })
  const readiness = createReadiness(engine, runtime)
  const mayCall = createAccess({ token: options.token, hosts: options.hosts ?? [] })

  const app = Fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: paramCharactersMax },
    forceCloseConnections: true,
    return503OnClosing: false,
    schemaErrorFormatter: (errors, dataVar) =>
      Object.assign(new Error('validation'), {
        validation: errors,
        validationContext: dataVar,
      }),
  })
  app.server.maxConnections = httpConnectionsMax
  app.setValidatorCompiler(requestValidator)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemFor(error)
    if (problem.status === 500) failed(error)
    void reply.code(problem.status).type(problemMediaType).send(problem)
  })
  app.setNotFoundHandler((request) => {
    throw new RestError('not-found', `there is no ${request.method} ${request.url}`, 'See /docs.')
  })
  app.addContentTypeParser(
    ['application/yaml', 'text/yaml', 'application/x-yaml'],
    { parseAs: 'string' },
    (_request, body, done) => done(null, body),
  )
  app.addHook('onRequest', async (request) => {
    const { host, origin, authorization } = request.headers
    mayCall({ path: request.url.split('?')[0] ?? '/', host, origin, authorization })
  })
  // Whoever follows the events knows by this when it has heard of all that led to an answer.
  app.addHook('onSend', async (_request, reply) => {
    reply.header(lastEventHeader, String(feed.lastId()))
  })
  await app.register(rateLimit, { max: requestsMax, timeWindow: requestsWindowMs })
  await app.register(fastifySSE, { heartbeatInterval: 15_000 })
  app.addSchema(faultSchema())
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'eos-gauntlet',
        version,
        description:
          'Arms faults in a running proxy, and tells what passes through it. Bodies are the same JSON as in a plan.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{}, { token: [] }],
      tags: [
        { name: 'faults', description: 'Arm, fire, release, heal, disarm' },
        { name: 'plans', description: 'All faults of a plan at once' },
        { name: 'runs', description: 'Runs conducted with this proxy' },
        { name: 'state', description: 'What the proxy sees' },
        { name: 'events', description: 'What happens, and what can be said of it' },
        { name: 'about', description: 'Health and metrics' },
      ],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`),
    },
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  addPage(app, options.pageFile)
  addRoutes(app, {
    engine,
    runtime,
    faults,
    plans,
    runs,
    feed,
    live,
    readiness,
    version,
    upSeconds: () => Math.round(runtime.nowMs() - startedAtMs) / 1_000,
    metrics: metrics.scrape,
  })
  app.addHook('onClose', async () => {
    faults.stop()
    plans.close()
    runs.stop()
  })
  await app.ready()
  return {
    app,
    runs: runs.list,
    see(events) {
      live.see(events)
      feed.push(events)
    },
  }
}

export async function startControl(options: ControlOptions): Promise<Control> {
  const { listen, token } = options
  if (!isLoopback(listen.host) && token === undefined) {
    throw new OperatorError(
      'wrong-arguments',
      `REST on ${listen.host} can be reached by others, and there is no token`,
      'Put one into the environment variable GAUNTLET_TOKEN or a file named by --token-file, or listen on 127.0.0.1.',
    )
  }
  const { app, see, runs } = await buildControl(options)
  try {
    await app.listen({ host: listen.host, port: listen.port })
  } catch (cause) {
    await app.close()
    throw new OperatorError(
      'address-in-use',
      `REST cannot listen on ${listen.host}:${listen.port} (${cause instanceof Error ? cause.message : String(cause)})`,
      'Give another address with --rest, or `--rest off`.',
    )
  }
  const bound = app.server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port
  return {
    address: { host: listen.host, port },
    see,
    runs,
    close: async () => void (await app.close()),
  }
}
