// Builds the live page into dist/dashboard/index.html, when it is older than what it is made from.
import { readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const changedMs = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

const sources = readdirSync(`${root}/dashboard`, { recursive: true }).map(
  (name) => `${root}/dashboard/${name}`,
)
const newestMs = Math.max(...[...sources, `${root}/scripts/build-page.mjs`].map(changedMs))
if (changedMs(`${root}/dist/dashboard/index.html`) < newestMs) {
  const { build } = await import('vite')
  await build({ configFile: `${root}/dashboard/vite.config.ts` })
}
