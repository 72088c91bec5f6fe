// Writes each input as a line of the file SINK, then commits offsets. With MODE=once it looks first, when it starts,
// what is in the file, takes away half a line, and leaves out what is there; with MODE=naive it just writes.
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'
import { consume, idOf } from './consume.mjs'

const { SINK, MODE } = process.env
const written = new Set()
if (MODE === 'once' && existsSync(SINK)) {
  const text = readFileSync(SINK, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  truncateSync(SINK, Buffer.byteLength(whole))
  for (const line of whole.split('\n')) if (line !== '') written.add(JSON.parse(line).id)
}

await consume(async (messages) => {
  const rows = messages.map(idOf).filter((id) => !written.has(id))
  if (rows.length > 0) {
    appendFileSync(SINK, rows.map((id) => `${JSON.stringify({ id })}\n`).join(''))
  }
  if (MODE === 'once') for (const id of rows) written.add(id)
})
