// Certificates of our own, made when they are needed and never kept: an authority, what it signs for hosts and
// clients, and the wrong certificates that a fault presents.
import { generate } from 'selfsigned'
import type { DoorTls, KeyPair } from './access.ts'

const dayMs = 24 * 60 * 60 * 1000
/** Long enough for a proxy that stands for months, short enough to be of no use when it is lost. */
const lifeMs = 365 * dayMs

export interface Authority {
  /** What clients must trust, as PEM. */
  certificate: string
  /** A certificate for these hosts: names or IP addresses. */
  forHosts(hosts: readonly string[], validity?: { fromMs: number; toMs: number }): Promise<KeyPair>
  /** A certificate by which a client says who it is. */
  forClient(name: string): Promise<KeyPair>
}

const isIp = (host: string): boolean => /^[0-9.]+$/.test(host) || host.includes(':')

export async function createAuthority(nowMs: number, name = 'eos-gauntlet'): Promise<Authority> {
  const from = new Date(nowMs - dayMs)
  const own = await generate([{ name: 'commonName', value: `${name} authority` }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: from,
    notAfterDate: new Date(nowMs + lifeMs),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const ca = { key: own.private, cert: own.cert }
  const usage = { name: 'keyUsage', digitalSignature: true, critical: true } as const
  return {
    certificate: own.cert,
    async forHosts(hosts, validity) {
      const made = await generate([{ name: 'commonName', value: hosts[0] ?? 'localhost' }], {
        keyType: 'ec',
        algorithm: 'sha256',
        notBeforeDate: validity === undefined ? from : new Date(validity.fromMs),
        notAfterDate: new Date(validity === undefined ? nowMs + lifeMs : validity.toMs),
        ca,
        extensions: [
          usage,
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          {
            name: 'subjectAltName',
            altNames: hosts.map((host) =>
              isIp(host) ? { type: 7 as const, ip: host } : { type: 2 as const, value: host },
            ),
          },
        ],
      })
      return { certificate: made.cert, key: made.private }
    },
    async forClient(client) {
      const made = await generate([{ name: 'commonName', value: client }], {
        keyType: 'ec',
        algorithm: 'sha256',
        notBeforeDate: from,
        notAfterDate: new Date(nowMs + lifeMs),
        ca,
        extensions: [usage, { name: 'extKeyUsage', clientAuth: true }],
      })
      return { certificate: made.cert, key: made.private }
    },
  }
}

/** The proxy's side of TLS: its certificate, given or made by the authority, and the wrong ones for faults. */
export async function doorTls(
  hosts: readonly string[],
  authority: Authority,
  nowMs: number,
  identity?: KeyPair,
): Promise<DoorTls> {
  const stranger = await createAuthority(nowMs, 'a stranger')
  const past = { fromMs: nowMs - 30 * dayMs, toMs: nowMs - dayMs }
  return {
    identity: identity ?? (await authority.forHosts(hosts)),
    wrong: {
      expired: await authority.forHosts(hosts, past),
      untrusted: await stranger.forHosts(hosts),
      'wrong-host': await authority.forHosts(['another-host.invalid']),
    },
  }
}
