// YAML text -> Plan, or every problem with its place. Nothing else reads plans: the command line, the REST
// interface and the tests all come through here.
import { clientPlaneOnly, type Reach } from '../faults/reach.ts'
import {
  faultFlaws,
  type Surroundings,
  surroundingsAlone,
  surroundingsOfRun,
  surroundingsOfSession,
} from './fault-flaws.ts'
import { type KafkaNames, kafkaNames, withKafkaNames } from './kafka-names.ts'
import { resolveOverride } from './overrides.ts'
import {
  type Plan,
  type ProxyPlan,
  planOf,
  proxyPlanOf,
  type SessionPlan,
  sessionPlanOf,
} from './plan.ts'
import { planFlaws } from './plan-flaws.ts'
import { type PlanDocument, PlanSchema } from './plan-schema.ts'
import {
  hasKey,
  type PlanSource,
  placeFlaws,
  readSource,
  setInSource,
  sourceData,
  sourceText,
} from './plan-source.ts'
import type { Flaw, PlanProblem } from './problem.ts'
import { schemaFlaws } from './schema-flaws.ts'

export interface ReadOptions {
  /** `PATH=VALUE` texts, applied in order before anything is checked. */
  set?: readonly string[]
  /** `embedded`, `docker` or `HOST:PORT,…`: another cluster than the plan's. */
  cluster?: string
  /** Used when the plan names no seed; it is then written into the plan's text. */
  seedDefault?: number
  /** What is within reach of a cluster that others run; default: its client plane. */
  reach?: Reach
  /** Names of APIs and error codes; default: all that Kafka has. */
  names?: KafkaNames
}

export type ReadResult<Read = Plan> = { plan: Read } | { problems: PlanProblem[] }

const schemas = new WeakMap<KafkaNames, Record<string, unknown>>()

/** The plan's schema with Kafka's names in it. */
export function planSchema(names: KafkaNames): Record<string, unknown> {
  let schema = schemas.get(names)
  if (schema === undefined) {
    schema = withKafkaNames(PlanSchema, names)
    schemas.set(names, schema)
  }
  return schema
}

/** The schema as editors want it: the draft that all of their servers read. */
export function editorSchema(names: KafkaNames): Record<string, unknown> {
  return { $schema: 'http://json-schema.org/draft-07/schema#', ...planSchema(names) }
}

/** The same for the file of `gauntlet proxy`, whose keys are those of a plan and none of which must be there. */
export function proxyEditorSchema(names: KafkaNames): Record<string, unknown> {
  const keys = Object.keys(planSchema(names).properties as object)
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'proxy',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      keys.map((key) => [key, { $ref: `plan.schema.json#/properties/${key}` }]),
    ),
  }
}

const proxySchemas = new WeakMap<KafkaNames, Record<string, unknown>>()

/** The same for the proxy alone, which has no workload and no load: nothing must be there. */
function proxySchema(names: KafkaNames): Record<string, unknown> {
  // The same object each time, since checks are compiled once per schema.
  let schema = proxySchemas.get(names)
  if (schema === undefined) {
    schema = { ...planSchema(names), required: [] }
    proxySchemas.set(names, schema)
  }
  return schema
}

/** Reads a plan that is to be run. */
export function readPlan(text: string, file: string, options: ReadOptions = {}): ReadResult {
  const schema = planSchema(options.names ?? kafkaNames)
  const read = readDocument(text, file, { ...options, schema, around: surroundingsOfRun })
  if ('problems' in read) return read
  return { plan: planOf(read.document, { file, text: read.text }) }
}

/** Reads the parts of a plan that the proxy needs when it stands alone in front of a cluster. */
export function readProxyPlan(
  text: string,
  file: string,
  options: ReadOptions = {},
): ReadResult<ProxyPlan> {
  const schema = proxySchema(options.names ?? kafkaNames)
  const read = readDocument(text, file, { ...options, schema, around: surroundingsAlone })
  if ('problems' in read) return read
  return { plan: proxyPlanOf(read.document) }
}

/** The same for whoever starts a cluster and the proxy in front of it, and drives both from a program. */
export function readSessionPlan(
  text: string,
  file: string,
  options: ReadOptions = {},
): ReadResult<SessionPlan> {
  const schema = proxySchema(options.names ?? kafkaNames)
  const around = surroundingsOfSession
  const read = readDocument(text, file, { ...options, schema, around })
  if ('problems' in read) return read
  return { plan: sessionPlanOf(read.document) }
}

/** Where the document's faults are to work. */
type Around = (document: PlanDocument, reach: Reach) => Surroundings

function readDocument(
  text: string,
  file: string,
  options: ReadOptions & { schema: Record<string, unknown>; around: Around },
): { document: PlanDocument; text: string } | { problems: PlanProblem[] } {
  const { schema, around } = options
  const read = readSource(text, file)
  if ('problems' in read) return read
  const { source } = read
  const flags = [
    ...(options.set ?? []),
    ...clusterFlag(source, options.cluster),
    ...seedFlag(source, options),
  ]
  const wrongFlags = applyOverrides(source, flags, schema)
  if (wrongFlags.length > 0) return { problems: wrongFlags }
  const result = sourceData(source)
  if ('problems' in result) return result
  const reach = options.reach ?? clientPlaneOnly
  const flaws = flawsOf(result.data, schema, (document) => around(document, reach))
  if (flaws.length > 0) return { problems: placeFlaws(source, flaws) }
  return { document: result.data as PlanDocument, text: sourceText(source) }
}

/** The other cluster as an override; nothing when the plan has one of that kind already. */
function clusterFlag(source: PlanSource, cluster: string | undefined): string[] {
  if (cluster === undefined) return []
  if (cluster.includes(':')) {
    return [`cluster={external: {bootstrap: ${JSON.stringify(cluster.split(','))}}}`]
  }
  return hasKey(source, ['cluster', cluster]) ? [] : [`cluster={${cluster}: {}}`]
}

function seedFlag(source: PlanSource, { seedDefault, set }: ReadOptions): string[] {
  const isGiven = hasKey(source, ['seed']) || set?.some((flag) => flag.startsWith('seed='))
  return seedDefault === undefined || isGiven === true ? [] : [`seed=${seedDefault}`]
}

function applyOverrides(
  source: PlanSource,
  flags: readonly string[],
  schema: Record<string, unknown>,
): PlanProblem[] {
  return flags.flatMap((text) => {
    const result = sourceData(source)
    if ('problems' in result) return result.problems
    const override = resolveOverride(text, result.data, schema)
    if ('wrong' in override) return [flagProblem(text, override.wrong)]
    return setInSource(source, { text, ...override })
  })
}

function flagProblem(text: string, message: string): PlanProblem {
  return {
    file: '--set',
    line: 1,
    column: 1,
    length: text.length,
    path: '',
    message,
    sourceLine: text,
  }
}

function flawsOf(
  data: unknown,
  schema: Record<string, unknown>,
  around: (document: PlanDocument) => Surroundings,
): Flaw[] {
  const byShape = schemaFlaws(schema, data)
  const topLevelSound = byShape.every(({ path }) => path[0] === 'faults' && path.length > 1)
  // The other checks trust the shape; a wrong fault does not keep us from looking at the others.
  if (!topLevelSound) return byShape
  const document = data as PlanDocument
  const isSound = (index: number) => !byShape.some(({ path }) => path[1] === index)
  return [...byShape, ...planFlaws(document), ...faultFlaws(document, isSound, around(document))]
}
