import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { policyFor } from '../../../proxy/control/page.ts'
import { openRest } from './rest-bench.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-page-test-'))
const pageFile = join(folder, 'index.html')
const closings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closings.splice(0)) await close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the page at /', () => {
  it('may run its own script, and talk to nobody but us', async () => {
    writeFileSync(pageFile, '<html><script type="module">let a = 1</script></html>')
    const rest = await openRest({ pageFile, token: 'secret' })
    closings.push(rest.close)
    const { status, type, headers, body } = await rest.ask('GET', '/')
    expect(status).toBe(200)
    expect(type).toBe('text/html; charset=utf-8')
    expect(body).toContain('let a = 1')
    const hash = createHash('sha256').update('let a = 1').digest('base64')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain(`script-src 'sha256-${hash}'`)
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("connect-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect((await rest.ask('GET', '/v1/faults')).status).toBe(401)
  })

  it('says how to get one when it was not built', async () => {
    const rest = await openRest({ pageFile: join(folder, 'nowhere.html') })
    closings.push(rest.close)
    const { status, body } = await rest.ask('GET', '/')
    expect(status).toBe(404)
    expect(body.remedy).toContain('npm run build')
    expect((await rest.ask('GET', '/health')).status).toBe(200)
  })

  it('lets no script run that was not built in', () => {
    expect(policyFor('<html></html>')).toContain("script-src 'none'")
    expect(policyFor('<style>a{}</style>')).toMatch(/style-src 'sha256-/)
  })
})
