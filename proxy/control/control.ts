// The REST interface of a running proxy: fastify, who may call, the routes, and the page. Runs on the starter's
// thread, so that whoever asks much does not slow the bytes that pass.
import rateLimit from '@fastify/rate-limit'
import { fastifySSE } from '@fastify/sse'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { OperatorError } from '../errors.ts'
import type { ProxyEvent } from '../events.ts'
import type { FaultSpec } from '../faults/fault.ts'
import type { Reach } from '../faults/reach.ts'
import type { SocketAddress } from '../flow/sockets.ts'
import type { Runtime } from '../runtime.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import { createAccess, isLoopback } from './access.ts'
import { createArmedFaults } from './armed-faults.ts'
import { createArmedPlans } from './armed-plans.ts'
import { createEventFeed, lastEventHeader } from './event-feed.ts'
import { faultSchema } from './fault-schema.ts'
import { createLive } from './live.ts'
import { createMethods } from './methods.ts'
import { createMetrics } from './metrics.ts'
import { swaggerOptions, tidied } from './openapi.ts'
import { addPage } from './page.ts'
import { type Problem, problemFor, problemMediaType, RestError } from './problem.ts'
import { createReadiness } from './readiness.ts'
import { addRoutes } from './routes.ts'
import type { PortRange } from './run-ports.ts'
import { createRuns, type RunView } from './runs.ts'
import { refuseUnreadable } from './unreadable.ts'
import { requestValidator } from './validate-requests.ts'

export const bodyBytesMax = 256 * 1024
export const httpConnectionsMax = 200
/** Of one part of a path, as it comes encoded: as much as Node takes of a request's head. Schemas say what is too long. */
const paramCharactersMax = 16 * 1024
/** Requests of one address in ten seconds. */
export const requestsMax = 2_000
/** Of those, how many may be refused for who sent them. */
export const refusalsMax = 100
const requestsWindowMs = 10_000

export interface ControlOptions {
  engine: RemoteEngine
  runtime: Runtime
  listen: SocketAddress
  /** Required where others than this machine can reach it. */
  token: string | undefined
  /** Names beside loopback ones by which callers without a token may call. */
  hosts?: readonly string[]
  /** The proxy speaks TLS with its clients, so that faults may be about that. */
  terminatesTls?: boolean
  /** Faults that the proxy was started with. */
  faults: readonly FaultSpec[]
  /** How far back the rolling verdict looks. */
  verdictWindowMs?: number
  /** Planes and broker processes that faults may hurt. */
  reach: Reach
  /** Where the listeners of runs go. */
  runListeners: RunListeners
  /** The built page; without it, `/` says how to build it. */
  pageFile?: string
  version: string
  onProblem: (message: string) => void
}

export interface RunListeners {
  /** Where they listen: as the first door does. */
  host: string
  /** Absent: on any ports that are free. */
  ports?: PortRange
}

export interface Control {
  address: SocketAddress
  /** Hands on what the proxy reports. */
  see(events: readonly ProxyEvent[]): void
  /** Runs conducted so far. */
  runs(): RunView[]
  /** From here on it is not ready any more: what passes gets through, and nobody new shall come. */
  leave(): void
  close(): Promise<void>
}

const pathOf = (request: FastifyRequest): string => request.url.split('?')[0] ?? '/'

function sendProblem(reply: FastifyReply, problem: Problem): void {
  void reply.code(problem.status).type(problemMediaType).send(problem)
}

function throwIfTooMany(count: { isAllowed: boolean; isExceeded?: boolean }): void {
  if (count.isAllowed || count.isExceeded !== true) return
  throw new RestError('too-many-requests', 'too many requests', 'Wait a moment.')
}

/** Builds the interface without listening; `startControl` listens, tests inject. */
export async function buildControl(
  options: Omit<ControlOptions, 'listen'>,
): Promise<{ app: FastifyInstance } & Pick<Control, 'see' | 'runs' | 'leave'>> {
  const { engine, runtime, version, reach } = options
  const startedAtMs = runtime.nowMs()
  const feed = createEventFeed()
  const live = createLive(runtime, options.verdictWindowMs)
  const failed = (cause: unknown): void =>
    options.onProblem(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))
  const terminatesTls = options.terminatesTls === true
  const faults = createArmedFaults({
    engine,
    runtime,
    given: options.faults,
    terminatesTls,
    reach,
    failed,
  })
  const plans = createArmedPlans({ faults, runtime, reach })
  const runs = createRuns({ engine, runtime, faults, listeners: options.runListeners, failed })
  const metrics = createMetrics({ engine, live, runs, version })
  const readiness = createReadiness(engine, runtime)
  const mayCall = createAccess({ token: options.token, hosts: options.hosts ?? [] })

  const app = Fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: paramCharactersMax },
    forceCloseConnections: true,
    return503OnClosing: false,
    frameworkErrors(error, _request, reply) {
      sendProblem(reply, problemFor(error))
    },
    clientErrorHandler: refuseUnreadable,
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
    sendProblem(reply, problem)
  })
  const methods = createMethods()
  app.addHook('onRoute', methods.note)
  app.addContentTypeParser(
    ['application/yaml', 'text/yaml', 'application/x-yaml'],
    { parseAs: 'string' },
    (_request, body, done) => done(null, body),
  )
  // Whoever follows the events knows by this when it has heard of all that led to an answer.
  app.addHook('onSend', async (_request, reply) => {
    reply.header(lastEventHeader, String(feed.lastId()))
  })
  await app.register(rateLimit, { max: requestsMax, timeWindow: requestsWindowMs })
  const countRefused = app.createRateLimit({ max: refusalsMax, timeWindow: requestsWindowMs })
  app.addHook('onRequest', async (request) => {
    const { host, origin, authorization } = request.headers
    try {
      mayCall({ path: pathOf(request), host, origin, authorization })
    } catch (refusal) {
      // Whoever tries one token after the other is slowed down, and nobody else.
      throwIfTooMany(await countRefused(request))
      throw refusal
    }
  })
  const countUnknown = app.createRateLimit({ max: requestsMax, timeWindow: requestsWindowMs })
  // Before anything is said of the body: no route wants it.
  app.addHook('preParsing', async (request, reply) => {
    if (!request.is404) return
    throwIfTooMany(await countUnknown(request))
    const allowed = methods.at(pathOf(request))
    if (allowed.length === 0) {
      throw new RestError('not-found', `there is no ${pathOf(request)}`, 'See /docs.')
    }
    reply.header('allow', allowed.join(', '))
    const detail = `${request.method} is not for ${pathOf(request)}`
    throw new RestError('no-such-method', detail, `It takes ${allowed.join(', ')}.`)
  })
  await app.register(fastifySSE, { heartbeatInterval: 15_000 })
  app.addSchema(faultSchema(terminatesTls ? ['terminate-tls'] : []))
  await app.register(swagger, swaggerOptions({ version, isSecured: options.token !== undefined }))
  let description: object | undefined
  const described = (): object => {
    description ??= tidied(app.swagger())
    return description
  }
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    transformSpecificationClone: false,
    transformSpecification: described,
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => described())
  addPage(app, options.pageFile)
  addRoutes(app, {
    engine,
    runtime,
    faults,
    plans,
    runs,
    feed,
    live,
    reach,
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
    leave: readiness.leave,
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
  const { app, see, runs, leave } = await buildControl(options)
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
    leave,
    close: async () => void (await app.close()),
  }
}
