// A broker whose clients come with TLS and SASL, and what tests need to be one of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAdmin } from '../../gauntlet/clusters/admin.ts'
import { planEmbeddedPorts, startEmbedded } from '../../gauntlet/clusters/embedded.ts'
import {
  type EmbeddedSecurity,
  prepareSecurity,
} from '../../gauntlet/clusters/embedded-security.ts'
import { type Authority, createAuthority, doorTls } from '../../proxy/flow/certificates.ts'
import { openProxy, runtime, type TestProxy } from './faults/grounds.ts'

export const host = '127.0.0.1'
/** Whoever comes with SCRAM-SHA-256 is asked again who it is after this time, or is cut off (KIP-368). */
export const sessionMs = 3_000
const reauthentication = 'listener.name.client.scram-sha-256.connections.max.reauth.ms'

export interface SecuredGround {
  bootstrap: readonly string[]
  security: EmbeddedSecurity
  folder: string
  /** Of the brokers, as a file. */
  caFile: string
  /** Of the proxies that `proxy` starts, as a file. */
  proxyCaFile: string
  /** With TLS on both legs. */
  proxy(): Promise<TestProxy>
  topic(name: string): Promise<string>
  close(): Promise<void>
}

export async function raiseSecured(): Promise<SecuredGround> {
  const folder = mkdtempSync(join(tmpdir(), 'gauntlet-secured-'))
  const nowMs = runtime.nowMs()
  const security = await prepareSecurity(nowMs)
  const authority: Authority = await createAuthority(nowMs)
  const door = await doorTls([host, 'localhost'], authority, nowMs)
  const [caFile, proxyCaFile] = [join(folder, 'ca.pem'), join(folder, 'proxy-ca.pem')]
  writeFileSync(caFile, security.ca)
  writeFileSync(proxyCaFile, authority.certificate)
  const ports = await planEmbeddedPorts(1)
  const cluster = await startEmbedded(
    { version: '4.3.1', brokers: 1, features: {}, config: { [reauthentication]: sessionMs } },
    { ports, planes: {}, runtime, security },
  )
  const admin = openAdmin(cluster.brokers)
  const proxies: TestProxy[] = []
  return {
    bootstrap: cluster.bootstrap,
    security,
    folder,
    caFile,
    proxyCaFile,
    async proxy() {
      const nodes = new Map(cluster.brokers.map(({ node, address }) => [node, address]))
      const proxy = openProxy({
        bootstrap: [...nodes.values()],
        nodes,
        host: undefined,
        clients: new Set(),
        options: { access: security.access, door },
      })
      await proxy.engine.discover()
      proxies.push(proxy)
      return proxy
    },
    async topic(name) {
      await admin.createTopics([{ name, partitions: 1 }])
      return name
    },
    async close() {
      for (const { engine } of proxies) {
        await engine.healAll()
        await engine.stop()
      }
      admin.close()
      await cluster.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Settings of a Java client. */
export function javaSettings(
  { security, proxyCaFile }: SecuredGround,
  mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
): Record<string, string> {
  const { username, password } = security.user
  const module = mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule'
  return {
    'security.protocol': 'SASL_SSL',
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': proxyCaFile,
    'sasl.mechanism': mechanism,
    'sasl.jaas.config': `org.apache.kafka.common.security.${module} required username="${username}" password="${password}";`,
  }
}
