// Lints what REST says of itself at /openapi.json, with and without a token. No broker is needed: nothing is asked but
// the description.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot, packageVersion } from '../gauntlet/entry.ts'
import { buildControl } from '../proxy/control/control.ts'
import { clientPlaneOnly } from '../proxy/faults/reach.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import type { RemoteEngine } from '../proxy/start-proxy.ts'

const linter = join(packageRoot(), 'node_modules', '@redocly', 'cli', 'bin', 'cli.js')
const rules = join(packageRoot(), 'scripts', 'redocly.yaml')

async function describe(token: string | undefined): Promise<string> {
  const { app } = await buildControl({
    // Nobody asks it anything.
    engine: {} as RemoteEngine,
    runtime: systemRuntime(1),
    token,
    faults: [],
    reach: clientPlaneOnly,
    runListeners: { host: '127.0.0.1' },
    version: packageVersion(),
    onProblem: (message) => console.error(message),
  })
  try {
    const answer = await app.inject({ url: '/openapi.json', headers: { host: 'localhost' } })
    return JSON.stringify(answer.json(), undefined, 1)
  } finally {
    await app.close()
  }
}

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-openapi-'))
try {
  const files: string[] = []
  for (const [name, token] of [
    ['open.json', undefined],
    ['secured.json', 'a token'],
  ] as const) {
    const file = join(folder, name)
    writeFileSync(file, await describe(token))
    files.push(file)
  }
  const { status, error, stdout, stderr } = spawnSync(
    process.execPath,
    [linter, 'lint', '--config', rules, ...files],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        REDOCLY_TELEMETRY: 'off',
        REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
        REDOCLY_SUPPRESS_NOTIFICATIONS: 'true',
      },
    },
  )
  if (error !== undefined) throw error
  if (status === 0) console.log('the description of REST keeps to every rule')
  else console.error(`${stdout}${stderr}`)
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true })
}
