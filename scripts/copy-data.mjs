// Finishes the build: tsc emits code only. Copies the generated protocol data beside the compiled code and
// makes the command line a program.
import { chmodSync, cpSync, mkdirSync, readdirSync } from 'node:fs'

const from = new URL('../proxy/protocol/generated/', import.meta.url)
const to = new URL('../dist/proxy/protocol/generated/', import.meta.url)
mkdirSync(to, { recursive: true })
for (const name of readdirSync(from)) {
  if (name.endsWith('.json')) cpSync(new URL(name, from), new URL(name, to))
}
chmodSync(new URL('../dist/gauntlet/cli.js', import.meta.url), 0o755)
