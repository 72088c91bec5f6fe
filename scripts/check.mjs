// `npm run check`: everything that can be said about the code without running it. Every step is run, so that
// one sees all that is wrong; the steps after the build need what it makes.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const node = (script, ...args) => [process.execPath, script, ...args]

const steps = [
  { name: 'types', command: node('node_modules/typescript/bin/tsc', '--noEmit', '-p', '.') },
  {
    name: 'types of the page',
    command: node('node_modules/typescript/bin/tsc', '--noEmit', '-p', 'dashboard'),
  },
  {
    name: 'lint and format',
    command: node('node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'),
  },
  { name: 'build', command: ['npm', 'run', '--silent', 'build'] },
  { name: 'imports', command: node('dist/scripts/check-imports.js') },
  { name: 'generated data', command: node('dist/scripts/generate.js', '--check') },
  { name: 'description of REST', command: node('dist/scripts/lint-openapi.js') },
  { name: 'schema of plans', command: node('dist/scripts/plan-schema.js', '--check') },
]

const failed = steps.filter(({ name, command: [program, ...args] }) => {
  process.stdout.write(`\n== ${name}\n`)
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' })
  if (error !== undefined) console.error(error.message)
  return status !== 0
})

const summary = steps.map((step) => `${failed.includes(step) ? 'failed' : 'ok    '}  ${step.name}`)
process.stdout.write(`\n${summary.join('\n')}\n`)
process.exitCode = failed.length === 0 ? 0 : 1
