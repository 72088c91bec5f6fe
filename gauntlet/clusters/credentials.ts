// What plans only name - files, environment variables - read into what connections need. The one place where secrets
// come in; no message of ours holds more than the name of the file or variable.
import { readFileSync } from 'node:fs'
import { OperatorError } from '../../proxy/errors.ts'
import type { BrokerAccess, DoorTls, KeyPair, SaslCredentials } from '../../proxy/flow/access.ts'
import { createAuthority, doorTls } from '../../proxy/flow/certificates.ts'
import type { ExternalPlan } from '../../proxy/plans/plan.ts'
import type { WrittenDoorTls, WrittenSasl } from '../../proxy/plans/plan-schema.ts'

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new OperatorError(
      'file-not-found',
      `${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'no file'})`,
      'Name a file that is there; relative names count from the folder where gauntlet was started.',
    )
  }
}

function variable(name: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== '') return value
  throw new OperatorError(
    'missing-prerequisite',
    `the environment variable ${name} is not set, and the plan takes a credential from it`,
    `Set ${name} for this command; credentials never stand in a plan.`,
  )
}

const pairOf = (written: { 'certificate-file': string; 'key-file': string }): KeyPair => ({
  certificate: textOf(written['certificate-file']),
  key: textOf(written['key-file']),
})

/** A line break at the end of a file is no part of the secret. */
const secretIn = (file: string): string => textOf(file).replace(/\r?\n$/, '')

function credentialsOf(sasl: WrittenSasl): SaslCredentials {
  const { mechanism } = sasl
  if (mechanism === 'oauthbearer') {
    const file = sasl['token-file']
    if (file === undefined) return { mechanism, token: { text: variable(sasl['token-env'] ?? '') } }
    textOf(file)
    return { mechanism, token: { file } }
  }
  const file = sasl['password-file']
  return {
    mechanism,
    username: sasl.username ?? variable(sasl['username-env'] ?? ''),
    password: file === undefined ? variable(sasl['password-env'] ?? '') : secretIn(file),
  }
}

/** How the brokers of somebody else's cluster are reached; undefined: plainly. */
export function readAccess({
  map,
  tls,
  sasl,
}: Pick<ExternalPlan, 'map' | 'tls' | 'sasl'>): BrokerAccess | undefined {
  if (map === undefined && tls === undefined && sasl === undefined) return undefined
  const { 'certificate-file': certificate, 'key-file': key } = tls ?? {}
  return {
    ...(map === undefined ? {} : { map }),
    ...(sasl === undefined ? {} : { sasl: credentialsOf(sasl) }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(tls['ca-file'] === undefined ? {} : { ca: textOf(tls['ca-file']) }),
            ...(certificate === undefined || key === undefined
              ? {}
              : { identity: pairOf({ 'certificate-file': certificate, 'key-file': key }) }),
            ...(tls['server-name'] === undefined ? {} : { serverName: tls['server-name'] }),
            checksName: tls['check-name'] ?? true,
          },
        }),
  }
}

export interface Door {
  tls: DoorTls
  /** What clients must trust, as PEM; undefined: they know by themselves. */
  ca: string | undefined
}

/** TLS towards clients, for the names by which they call the proxy. */
export async function readDoor(
  written: WrittenDoorTls,
  hosts: readonly string[],
  nowMs: number,
): Promise<Door> {
  const authority = await createAuthority(nowMs)
  if (written === 'generated') {
    return { tls: await doorTls(hosts, authority, nowMs), ca: authority.certificate }
  }
  const tls = await doorTls(hosts, authority, nowMs, pairOf(written))
  const clients = Object.entries(written.clients ?? {}).map(([subject, pair]) => [
    subject,
    pairOf(pair),
  ])
  return {
    tls: {
      ...tls,
      ...(written['client-ca-file'] === undefined
        ? {}
        : { clientCa: textOf(written['client-ca-file']) }),
      ...(written.clients === undefined ? {} : { clients: Object.fromEntries(clients) }),
    },
    ca: written['ca-file'] === undefined ? undefined : textOf(written['ca-file']),
  }
}
