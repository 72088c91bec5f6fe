// The Compose files read by the parser of `docker compose` itself: needs Go, no engine.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { packageRoot } from '../../gauntlet/entry.ts'

const root = packageRoot()
const hasGo = spawnSync('go', ['version']).status === 0
if (!hasGo) console.warn('No Go: docker-compose.yml is not checked by its own parser.')

function checked(...files: string[]): { code: number | null; text: string } {
  const { status, stderr } = spawnSync('go', ['run', '.', ...files], {
    cwd: join(root, 'test/docker/compose-check'),
    encoding: 'utf8',
  })
  return { code: status, text: stderr }
}

const describeWithGo = hasGo ? describe : () => undefined
describeWithGo('docker-compose.yml', () => {
  it('is right, alone and with the socket, and a misspelt key would be found', () => {
    const stack = join(root, 'docker-compose.yml')
    expect(checked(stack)).toEqual({ code: 0, text: '' })
    expect(checked(stack, join(root, 'docker-compose.brokers.yml'))).toEqual({ code: 0, text: '' })
    const wrong = join(mkdtempSync(join(tmpdir(), 'compose-')), 'docker-compose.yml')
    writeFileSync(wrong, readFileSync(stack, 'utf8').replace('healthcheck:', 'healthchek:'))
    expect(checked(wrong)).toMatchObject({
      code: 1,
      text: expect.stringContaining("additional properties 'healthchek' not allowed"),
    })
  })
})

// Grafana's image is not to be had everywhere, so what it would read is looked at.
describe('what Grafana is given', () => {
  const yaml = (file: string): unknown =>
    parseDocument(readFileSync(join(root, file), 'utf8')).toJS()

  it('is a dashboard whose panels ask the data source that is provided', () => {
    const { datasources } = yaml('deploy/grafana-datasource.yml') as {
      datasources: { uid: string; url: string }[]
    }
    const [source] = datasources
    expect(source?.url).toBe('http://prometheus:9090')
    const text = readFileSync(join(root, 'deploy/grafana-dashboard.json'), 'utf8')
    const dashboard = JSON.parse(text) as { uid: string; panels: unknown[] }
    expect(dashboard.panels.length).toBeGreaterThan(5)
    const asked = [...text.matchAll(/"uid": *"([^"]+)"/g)].map(([, uid]) => uid)
    expect(new Set(asked)).toEqual(new Set([dashboard.uid, source?.uid]))
  })

  it('lies where the provisioning looks for it', () => {
    const { services } = yaml('docker-compose.yml') as {
      services: { grafana: { profiles: string[]; volumes: string[] } }
    }
    const { providers } = yaml('deploy/grafana-provisioning.yml') as {
      providers: { options: { path: string } }[]
    }
    expect(services.grafana.profiles).toEqual(['grafana'])
    expect(services.grafana.volumes).toContain(`./deploy:${providers[0]?.options.path}:ro`)
  })
})
