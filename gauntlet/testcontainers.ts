// What `import … from 'eos-gauntlet/testcontainers'` gives: the gauntlet as a container, in the conventions of
// testcontainers, for suites whose brokers are containers as well. docs/testcontainers.md tells it from the user's side.
import { randomBytes } from 'node:crypto'
import {
  AbstractStartedContainer,
  GenericContainer,
  type InspectResult,
  type StartedTestContainer,
  Wait,
} from 'testcontainers'
import { OperatorError } from '../proxy/errors.ts'
import type { FaultStatus } from '../proxy/events.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import type { TransactionView } from '../proxy/transactions/tracker.ts'
import type { RunResult } from '../validators/result.ts'
import { type Fault, type InjectedFault, injectedFault } from './library/injected-fault.ts'
import type { VerdictWish } from './library/session-verdict.ts'
import { readPlanFile } from './plan-files.ts'
import { askRest, type RestProxy } from './rest-client.ts'

export type { FaultStatus, Firing } from '../proxy/events.ts'
export type { TransactionView } from '../proxy/transactions/tracker.ts'
export type { RunResult } from '../validators/result.ts'
export type { Fault, InjectedFault, WaitOptions } from './library/injected-fault.ts'

const imageDefault = 'eos-gauntlet:local'
const restPort = 8474
/** The door for containers of the same network; brokers take the ports behind it. */
const innerPort = 9092
/** The door for this machine. */
const outerPort = 19092
const aliasDefault = 'gauntlet'
/** Node ids that have a published port unless more are asked for. */
const nodesDefault = 6
const starterFile = '/tmp/gauntlet-start.sh'
const planFile = '/tmp/gauntlet-plan.yaml'
const seenFolder = '/tmp/gauntlet-seen'
const startupTimeoutMs = 120_000
/** Far longer than a test: what a test arms goes with its container. */
const faultsExpire = '24h'

/** A verdict is made inside of the container, where nothing of the test can be called. */
export type ContainerVerdictWish = Omit<VerdictWish, 'whenDrained' | 'allow' | 'name'>

const asList = (given: string | readonly string[] | undefined): string[] =>
  given === undefined ? [] : typeof given === 'string' ? given.split(',') : [...given]

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

export class EosGauntletContainer extends GenericContainer {
  readonly #token = randomBytes(24).toString('hex')
  #upstream: string[] = []
  #plan: string | undefined
  #nodes = nodesDefault

  constructor(image: string = imageDefault) {
    super(image)
    this.withWaitStrategy(Wait.forHttp('/ready', restPort, { abortOnContainerExit: true }))
    this.withStartupTimeout(startupTimeoutMs)
  }

  /** The brokers, as they are reached from within the network: `kafka-1:9092`, several with commas or as a list. */
  withUpstream(bootstrap: string | readonly string[]): this {
    this.#upstream = asList(bootstrap)
    return this
  }

  /** A plan whose faults are armed from the start: its path, its name among those that come with us, its YAML, or as an object. */
  withPlan(plan: string | object): this {
    if (typeof plan !== 'string') this.#plan = JSON.stringify(plan)
    else this.#plan = plan.includes('\n') ? plan : readPlanFile(plan).text
    return this
  }

  /** The highest node id among the brokers; each has a published port. 6 unless given. */
  withNodeIdsUpTo(highest: number): this {
    this.#nodes = highest
    return this
  }

  /** Known only now: whether there is a network, and what we are called in it. */
  protected override async beforeContainerCreated(): Promise<void> {
    if (this.#upstream.length === 0) {
      throw new OperatorError(
        'wrong-arguments',
        'the gauntlet has no brokers to stand in front of',
        'Name them as they are reached from its network: .withUpstream("kafka:9092").',
      )
    }
    if (this.networkMode !== undefined && this.networkAliases.length === 0) {
      this.withNetworkAliases(aliasDefault)
    }
    this.withExposedPorts(restPort, ...this.#outerPorts())
    this.withEnvironment({ GAUNTLET_TOKEN: this.#token })
    if (this.#plan !== undefined) {
      this.withCopyContentToContainer([{ content: this.#plan, target: planFile, mode: 0o644 }])
    }
    // Which ports are published is decided when it starts, and clients must be told them: it waits to hear.
    this.withEntrypoint(['sh', '-c'])
    this.withCommand([`while [ ! -f ${starterFile} ]; do sleep 0.05; done; exec sh ${starterFile}`])
  }

  protected override async containerStarting(inspected: InspectResult): Promise<void> {
    const { getContainerRuntimeClient } = await import('testcontainers')
    const client = await getContainerRuntimeClient()
    const published = this.#outerPorts().flatMap((port) => {
      const host = inspected.ports[`${port}/tcp`]?.[0]?.hostPort
      return host === undefined ? [] : [`${port}=${host}`]
    })
    const alias = this.networkAliases[0] ?? aliasDefault
    const words = [
      'gauntlet',
      'proxy',
      ...this.#upstream.map((address) => `--bootstrap=${address}`),
      `--listen=0.0.0.0:${outerPort}@${client.info.containerRuntime.host}`,
      `--listen=0.0.0.0:${innerPort}@${alias}`,
      `--published=${published.join(',')}`,
      `--rest=0.0.0.0:${restPort}`,
      `--history=${seenFolder}`,
      '--await-cluster=2m',
      ...(this.#plan === undefined ? [] : [`--plan=${planFile}`]),
    ]
    const container = client.container.getById(inspected.name.replace(/^\//, ''))
    // Written whole under another name first: it is started as soon as the file is there.
    const script = `exec ${words.map(quoted).join(' ')}`
    const { exitCode, output } = await client.container.exec(container, [
      'sh',
      '-c',
      `printf '%s\\n' ${quoted(script)} >${starterFile}.new && mv ${starterFile}.new ${starterFile}`,
    ])
    if (exitCode !== 0) throw new Error(`the starter could not be written: ${output}`)
  }

  override async start(): Promise<StartedEosGauntletContainer> {
    const started = await super.start()
    return new StartedEosGauntletContainer(started, this.#token, this.networkAliases[0])
  }

  /** The door's own port, the one before it for a broker with the id 0, and those behind it. */
  #outerPorts(): number[] {
    return Array.from({ length: this.#nodes + 2 }, (_, index) => outerPort - 1 + index)
  }
}

export class StartedEosGauntletContainer extends AbstractStartedContainer {
  readonly #rest: RestProxy
  readonly #alias: string | undefined
  #armed = 0

  constructor(started: StartedTestContainer, token: string, alias: string | undefined) {
    super(started)
    this.#alias = alias
    this.#rest = { url: `http://${started.getHost()}:${started.getMappedPort(restPort)}`, token }
  }

  /** Where an application on this machine bootstraps. */
  getBootstrapServers(): string {
    return `${this.getHost()}:${this.getMappedPort(outerPort)}`
  }

  /** Where an application in a container of the same network bootstraps. */
  getNetworkBootstrapServers(): string {
    if (this.#alias !== undefined) return `${this.#alias}:${innerPort}`
    throw new OperatorError(
      'cannot-do-here',
      'the gauntlet is in no network of its own',
      'Start it with .withNetwork(network).',
    )
  }

  /** REST and the live page. */
  getRestUrl(): string {
    return this.#rest.url
  }

  /** What REST asks for: `authorization: Bearer …`. */
  getToken(): string {
    return this.#rest.token ?? ''
  }

  /** Arms a fault: the same JSON as an entry of a plan's `faults`. */
  async inject(fault: Fault): Promise<InjectedFault> {
    const kind = Object.keys(fault.inject)[0] ?? 'fault'
    this.#armed += 1
    const name = fault.name ?? `${kind}-${this.#armed}`
    const rest = this.#rest
    await askRest(rest, 'POST', `/v1/faults?expires=${faultsExpire}`, { ...fault, name })
    const act = (word: string) => (of: string) =>
      askRest(rest, 'POST', `/v1/faults/${encodeURIComponent(of)}/${word}`)
    return injectedFault(
      name,
      {
        status: async (of) => (await this.faults()).findLast((one) => one.name === of),
        fire: act('fire'),
        release: act('release'),
        heal: act('heal'),
        disarm: (of) => askRest(rest, 'DELETE', `/v1/faults/${encodeURIComponent(of)}`),
      },
      systemRuntime(0),
    )
  }

  /** What has become of every fault so far. */
  async faults(): Promise<FaultStatus[]> {
    const { body } = await askRest<{ faults: FaultStatus[] }>(
      this.#rest,
      'GET',
      '/v1/faults?all=true',
    )
    return body.faults
  }

  /** Every transaction seen, as the proxy follows them. */
  async transactions(): Promise<TransactionView[]> {
    const { body } = await askRest<{ transactions: TransactionView[] }>(
      this.#rest,
      'GET',
      '/v1/transactions',
    )
    return body.transactions
  }

  /** Heals and disarms everything. */
  async heal(): Promise<void> {
    await askRest(this.#rest, 'POST', '/v1/heal')
  }

  /**
   * Heals everything, waits until all has come to rest, counts every record, and judges all that has come through.
   * It does not throw when the verdict is FAIL: look at it.
   */
  async verdict(wish: ContainerVerdictWish): Promise<RunResult> {
    const contract = wish.contract
    const words = [
      'gauntlet',
      'verify',
      '--json',
      `--proxy=http://127.0.0.1:${restPort}`,
      `--seen=${seenFolder}`,
      `--topics=${[...asList(wish.input), ...asList(wish.output)].join(',')}`,
      '--out=/tmp/gauntlet-verdict',
      ...(wish.group === undefined ? [] : [`--group=${wish.group}`]),
      ...(wish.id === undefined ? [] : [`--id=${wish.id}`]),
      ...(wish.inputId === undefined ? [] : [`--input-id=${wish.inputId}`]),
      ...(wish.drain === undefined ? [] : [`--drain=${wish.drain}`]),
      ...(contract === undefined
        ? []
        : [
            `--contract=${typeof contract === 'string' ? contract : `fan-out:${contract['fan-out']}`}`,
          ]),
    ]
    const { stdout, output } = await this.exec(words)
    try {
      return JSON.parse(stdout) as RunResult
    } catch {
      throw new OperatorError(
        'cluster-unavailable',
        `there is no verdict: ${output.trim()}`,
        'See the message; `getLogs()` of the container may say more.',
      )
    }
  }
}
