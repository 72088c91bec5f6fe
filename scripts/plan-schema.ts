// Writes chaos-plans/plan.schema.json, which gives editors completion and checks while a plan is written.
// With --check it only says whether the file is what it would write.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../gauntlet/entry.ts'
import { kafkaNames } from '../proxy/plans/kafka-names.ts'
import { editorSchema } from '../proxy/plans/read-plan.ts'

const file = join(packageRoot(), 'chaos-plans', 'plan.schema.json')
const text = `${JSON.stringify(editorSchema(kafkaNames), null, 1)}\n`

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error(
      `${file} is out of date: run \`npm run build && node dist/scripts/plan-schema.js\``,
    )
    process.exitCode = 1
  }
} else {
  writeFileSync(file, text)
  console.log(`wrote ${file}`)
}
