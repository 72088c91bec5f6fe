// Copies the generated protocol data beside the compiled code: tsc emits code only.
import { cpSync, mkdirSync, readdirSync } from 'node:fs'

const from = new URL('../proxy/protocol/generated/', import.meta.url)
const to = new URL('../dist/proxy/protocol/generated/', import.meta.url)
mkdirSync(to, { recursive: true })
for (const name of readdirSync(from)) {
  if (name.endsWith('.json')) cpSync(new URL(name, from), new URL(name, to))
}
