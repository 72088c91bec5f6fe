// npm run check:rest: asks the REST interface of a real proxy whatever its own description allows, and much that it
// does not allow, and looks whether each answer is one that the description tells of. The asking is done by
// schemathesis, which is Python: it gets an environment of its own in our cache folder, made once.
//   npm run check:rest -- --max-examples 500     goes on to schemathesis
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAdmin } from '../gauntlet/clusters/admin.ts'
import { cacheDirectory } from '../gauntlet/clusters/cache.ts'
import { planEmbeddedPorts, startEmbedded } from '../gauntlet/clusters/embedded.ts'
import { entryFile, packageRoot } from '../gauntlet/entry.ts'
import { systemRuntime } from '../proxy/runtime.ts'

const schemathesisVersion = '4.32.5'
const pythonMin = [3, 10] as const
const topic = 'asked'

/** A Python that can run it; nothing where there is none. */
function findPython(): string | undefined {
  const check = `import sys, venv; sys.exit(sys.version_info < (${pythonMin.join(', ')}))`
  return ['python3', 'python'].find(
    (program) => spawnSync(program, ['-c', check], { stdio: 'ignore' }).status === 0,
  )
}

function must(program: string, words: readonly string[]): void {
  const { status, error } = spawnSync(program, words, { stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${status}`)
}

function schemathesis(python: string): string {
  const folder = join(cacheDirectory(), `schemathesis-${schemathesisVersion}`)
  const program = join(folder, 'bin', 'python')
  if (spawnSync(program, ['-c', 'import schemathesis']).status !== 0) {
    must(python, ['-m', 'venv', '--clear', folder])
    must(program, ['-m', 'pip', 'install', '--quiet', `schemathesis==${schemathesisVersion}`])
  }
  return join(folder, 'bin', 'schemathesis')
}

/** What a child says that fits, as soon as it does. */
function said(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = pattern.exec(text)
      if (found !== null) resolve(found)
    })
    child.on('exit', (code) => reject(new Error(`it ended with ${code}: ${text}`)))
  })
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exit
}

/** Asks all, and gives back schemathesis' own exit code. */
async function ask(program: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'gauntlet-check-rest-'))
  const token = randomBytes(24).toString('hex')
  const ports = await planEmbeddedPorts(3)
  const cluster = await startEmbedded(
    { version: '4.3.1', brokers: 3, features: {}, config: {} },
    { ports, planes: {}, runtime: systemRuntime(1) },
  )
  let proxy: ChildProcess | undefined
  let application: ChildProcess | undefined
  try {
    const admin = openAdmin(cluster.brokers)
    await admin.createTopics([{ name: topic, partitions: 2, config: {} }])
    admin.close()
    proxy = spawn(
      process.execPath,
      [
        entryFile('gauntlet/cli.js'),
        'proxy',
        ...['--bootstrap', cluster.bootstrap.join(',')],
        ...['--listen', '127.0.0.1:0', '--rest', '127.0.0.1:0'],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, GAUNTLET_TOKEN: token } },
    )
    const [, bootstrap = '', , address = ''] = await said(
      proxy,
      /Proxy (127\.0\.0\.1:\d+)([\s\S]*)REST: (http:\S+)\/docs/,
    )
    // So that answers have something in them.
    application = spawn(
      process.execPath,
      [
        join(packageRoot(), 'test', 'browser', 'producing-application.mjs'),
        bootstrap,
        topic,
        'asked-0',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await said(application, /committed/)
    const config = join(packageRoot(), 'scripts', 'schemathesis.toml')
    const asking = spawn(
      program,
      [
        ...['--config-file', config, 'run', `${address}/openapi.json`],
        ...['--header', `Authorization: Bearer ${token}`],
        ...process.argv.slice(2),
      ],
      // It leaves a folder of its own where it is started.
      { stdio: ['ignore', 'inherit', 'inherit'], cwd: folder },
    )
    return await new Promise((resolve, reject) => {
      asking.on('error', reject)
      asking.on('exit', (code) => resolve(code ?? 1))
    })
  } finally {
    await ended(application)
    await ended(proxy)
    await cluster.stop()
    rmSync(folder, { recursive: true })
  }
}

const python = findPython()
if (python === undefined) {
  console.error(
    `schemathesis needs Python ${pythonMin.join('.')} or newer with its venv module, and none is here: install python3 and python3-venv.`,
  )
  process.exitCode = 69
} else {
  process.exitCode = await ask(schemathesis(python))
}
