// Writes chaos-plans/plan.schema.json, which gives editors completion and checks while a plan is written, and beside it
// proxy.schema.json for the file of a proxy that stands alone.
// With --check it only says whether the file is what it would write.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../gauntlet/entry.ts'
import { kafkaNames } from '../proxy/plans/kafka-names.ts'
import { editorSchema, proxyEditorSchema } from '../proxy/plans/read-plan.ts'

const schemas = {
  'plan.schema.json': editorSchema(kafkaNames),
  'proxy.schema.json': proxyEditorSchema(kafkaNames),
}

for (const [name, schema] of Object.entries(schemas)) {
  const file = join(packageRoot(), 'chaos-plans', name)
  const text = `${JSON.stringify(schema, null, 1)}\n`
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text)
    console.log(`wrote ${file}`)
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(
      `${file} is out of date: run \`npm run build && node dist/scripts/plan-schema.js\``,
    )
    process.exitCode = 1
  }
}
