// Who may import whom: the picture in DESIGN.md as a table that a machine can check. Also one door per package,
// no circles, no files that only pass on what others export, and a head comment in every file.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { packageRoot } from '../gauntlet/entry.ts'

/** Folders and files that a part may import beside itself; `/` at the end means all below. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'proxy/protocol/': [],
  'proxy/events.ts': [],
  'proxy/errors.ts': [],
  'proxy/runtime.ts': [],
  'proxy/transactions/': ['proxy/protocol/', 'proxy/events.ts'],
  'proxy/faults/': [
    'proxy/protocol/',
    'proxy/transactions/',
    'proxy/events.ts',
    'proxy/errors.ts',
    'proxy/runtime.ts',
  ],
  'proxy/policies/': [
    'proxy/protocol/',
    'proxy/transactions/',
    'proxy/faults/vocabulary.ts',
    'proxy/events.ts',
  ],
  'proxy/flow/': [
    'proxy/protocol/',
    'proxy/transactions/',
    'proxy/faults/',
    'proxy/policies/',
    'proxy/events.ts',
    'proxy/errors.ts',
    'proxy/runtime.ts',
  ],
  'proxy/effects/': [
    'proxy/protocol/',
    'proxy/transactions/',
    'proxy/faults/',
    'proxy/flow/',
    'proxy/events.ts',
    'proxy/errors.ts',
    'proxy/runtime.ts',
  ],
  'proxy/plans/': [
    'proxy/protocol/',
    'proxy/faults/',
    'proxy/policies/policy.ts',
    'proxy/errors.ts',
  ],
  'proxy/control/': ['proxy/'],
  // What joins the parts: the engine, and the thread that it runs on.
  'proxy/': ['proxy/'],
  'validators/checkers/': ['validators/'],
  'validators/facts/': ['validators/', 'proxy/events.ts'],
  'validators/readers/': [
    'validators/',
    'proxy/protocol/',
    'proxy/flow/access.ts',
    'proxy/flow/broker-client.ts',
    'proxy/flow/sockets.ts',
    'proxy/flow/client-library.ts',
    'proxy/events.ts',
    'proxy/errors.ts',
    'proxy/runtime.ts',
  ],
  'validators/': [
    'validators/',
    'proxy/flow/access.ts',
    'proxy/events.ts',
    'proxy/errors.ts',
    'proxy/runtime.ts',
  ],
  // A page is drawn from a history and its result; it knows neither the run nor the machine.
  'gauntlet/reports/html/': [
    'gauntlet/reports/words.ts',
    'gauntlet/suite/suite-result.ts',
    'gauntlet/suite/suite-table.ts',
    'validators/',
    'proxy/events.ts',
  ],
  // Runs in a browser: of the proxy it knows shapes, which leave no code behind.
  'dashboard/': ['proxy/events.ts', 'proxy/control/answers.ts'],
  'gauntlet/': ['gauntlet/', 'proxy/', 'validators/'],
  'bench/': ['bench/', 'gauntlet/', 'proxy/', 'validators/'],
  'scripts/': ['scripts/', 'gauntlet/', 'proxy/'],
}

/** Narrower than the table above: these never, whatever the folder allows. */
const mayNotImport: readonly { from: string; never: string; why: string }[] = [
  {
    from: 'proxy/flow/',
    never: 'proxy/faults/kinds/',
    why: 'the flow carries verdicts out and knows no kind',
  },
  { from: 'proxy/flow/', never: 'proxy/faults/registry.ts', why: 'the flow knows no kind' },
  { from: 'proxy/effects/', never: 'proxy/faults/kinds/', why: 'an effect is a value, not a kind' },
  {
    from: 'validators/checkers/',
    never: 'validators/readers/',
    why: 'a checker is a function of the history alone',
  },
  {
    from: 'validators/checkers/',
    never: 'validators/history-file.ts',
    why: 'a checker reads no files',
  },
]

/** Packages and Node modules, and the only places that open their door. */
const doors: Readonly<Record<string, readonly string[]>> = {
  yaml: ['proxy/plans/plan-source.ts'],
  ajv: ['proxy/plans/', 'proxy/control/'],
  typebox: [
    'proxy/faults/',
    'proxy/policies/policy.ts',
    'proxy/plans/',
    'proxy/control/',
    'dashboard/rest.ts',
  ],
  preact: ['dashboard/'],
  '@preact/signals': ['dashboard/'],
  uplot: ['dashboard/charts.tsx'],
  'playwright-core': ['bench/page.ts'],
  vite: ['dashboard/vite.config.ts'],
  'vite-plugin-singlefile': ['dashboard/vite.config.ts'],
  fastify: ['proxy/control/'],
  'eventsource-parser': ['gauntlet/rest-client.ts'],
  '@fastify/sse': ['proxy/control/'],
  '@fastify/swagger': ['proxy/control/'],
  '@fastify/swagger-ui': ['proxy/control/'],
  '@fastify/rate-limit': ['proxy/control/'],
  'prom-client': ['proxy/control/metrics.ts'],
  'hdr-histogram-js': ['proxy/control/'],
  'pure-rand': ['proxy/runtime.ts'],
  // The validator uses kafkajs as a second opinion on what our own reader of the log says.
  kafkajs: [
    'gauntlet/workloads/',
    'validators/readers/kafka-consumer.ts',
    'validators/readers/kafkajs-fetch.ts',
  ],
  pg: ['validators/readers/postgres-sink.ts'],
  testcontainers: ['gauntlet/clusters/docker/', 'gauntlet/testcontainers.ts'],
  cac: ['gauntlet/cli.ts'],
  picocolors: ['gauntlet/reports/'],
  'junit-report-builder': ['validators/junit.ts'],
  snappy: ['proxy/protocol/'],
  'lz4-napi': ['proxy/protocol/'],
  '@bokuweb/zstd-wasm': ['proxy/protocol/'],
  '@node-rs/crc32': ['proxy/protocol/'],
  typescript: ['scripts/'],
  'node:net': [
    'proxy/flow/',
    'gauntlet/clusters/',
    'gauntlet/child-registry.ts',
    'gauntlet/workloads/kafkajs-client.ts',
    'validators/readers/kafkajs-fetch.ts',
    'bench/',
  ],
  'node:tls': ['proxy/flow/tls.ts'],
  selfsigned: ['proxy/flow/certificates.ts'],
  'node:child_process': ['gauntlet/', 'bench/', 'scripts/'],
  'node:worker_threads': ['proxy/start-proxy.ts', 'proxy/worker.ts', 'validators/', 'bench/'],
}

const parts = ['proxy', 'validators', 'gauntlet', 'dashboard', 'bench', 'scripts']
const bannedNames = /(^|\/)(utils?|helpers?|types|index|common|misc)\.ts$/

export interface SourceFile {
  /** From the package's root, with slashes. */
  path: string
  text: string
}

export function sourceFiles(): SourceFile[] {
  const root = packageRoot()
  return parts
    .flatMap((part) =>
      readdirSync(join(root, part), { recursive: true, encoding: 'utf8' }).map((path) =>
        join(part, path),
      ),
    )
    .filter((path) => /\.tsx?$/.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/** Every breach of the rules, one sentence each. */
export function importProblems(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path, importsOf(file)]))
  return [
    ...files.flatMap(shapeProblems),
    ...[...imports].flatMap(([path, targets]) =>
      targets.flatMap((target) => importProblem(path, target) ?? []),
    ),
    ...files.flatMap(valueProblems),
    ...circles(imports),
  ]
}

/** Paths of our own files, and names of packages as they are written. */
function importsOf({ path, text }: SourceFile): string[] {
  return ts
    .preProcessFile(text)
    .importedFiles.map(({ fileName }) =>
      fileName.startsWith('.') ? normalize(join(dirname(path), fileName)) : fileName,
    )
}

const isOwn = (target: string) => parts.some((part) => target.startsWith(`${part}/`))

const isWithin = (path: string, place: string) =>
  place.endsWith('/') ? path.startsWith(place) : path === place

/** The narrowest entry of the table that a file falls under. */
function partOf(path: string): string | undefined {
  return Object.keys(mayImport)
    .filter((part) => isWithin(path, part))
    .sort((a, b) => b.length - a.length)[0]
}

function importProblem(path: string, target: string): string | undefined {
  if (!isOwn(target)) return doorProblem(path, target)
  const part = partOf(path)
  if (part === undefined) return `${path} lies in no known part`
  const allowed = [part, ...(mayImport[part] ?? [])]
  if (!allowed.some((place) => isWithin(target, place))) {
    return `${path} imports ${target}: ${part} may import ${(mayImport[part] ?? []).join(', ') || 'nothing else'}`
  }
  const banned = mayNotImport.find(
    ({ from, never }) => isWithin(path, from) && isWithin(target, never),
  )
  return banned === undefined ? undefined : `${path} imports ${target}: ${banned.why}`
}

function doorProblem(path: string, target: string): string | undefined {
  const name = Object.keys(doors).find((one) => target === one || target.startsWith(`${one}/`))
  if (name === undefined) {
    const isNode = target.startsWith('node:')
    return isNode ? undefined : `${path} imports ${target}, a package without a door`
  }
  if (doors[name]?.some((place) => isWithin(path, place))) return undefined
  return `${path} imports ${target}, which only ${doors[name]?.join(', ')} may`
}

/** The page takes types from the proxy and nothing that runs. */
function valueProblems({ path, text }: SourceFile): string[] {
  if (!path.startsWith('dashboard/')) return []
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023).statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) {
      return []
    }
    const target = statement.moduleSpecifier.text
    const isTypeOnly = statement.importClause?.isTypeOnly === true
    return /\/proxy\//.test(target) && !isTypeOnly
      ? [`${path} imports more than types from ${target}`]
      : []
  })
}

/** Names that say nothing, files that only pass on, files that do not say what belongs in them. */
function shapeProblems({ path, text }: SourceFile): string[] {
  const problems: string[] = []
  if (bannedNames.test(path)) problems.push(`${path} has a name that says nothing`)
  const withoutInterpreter = text.replace(/^#!.*\n/, '')
  if (!/^(\/\/|\/\*)/.test(withoutInterpreter)) {
    problems.push(`${path} does not open with a comment on what belongs in it`)
  }
  const statements = ts
    .createSourceFile(path, text, ts.ScriptTarget.ES2023)
    .statements.filter((statement) => !ts.isImportDeclaration(statement))
  const passesOn = (statement: ts.Statement) =>
    ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined
  if (statements.length > 0 && statements.every(passesOn)) {
    problems.push(`${path} only passes on what others export`)
  }
  return problems
}

/** Files that reach themselves over their imports, each circle once. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path)
    if (start !== -1) {
      found.push(`circle: ${[...way.slice(start), path].join(' -> ')}`)
      return
    }
    if (done.has(path)) return
    for (const target of imports.get(path) ?? []) {
      if (imports.has(target)) visit(target, [...way, path])
    }
    done.add(path)
  }
  for (const path of imports.keys()) visit(path, [])
  return found
}
