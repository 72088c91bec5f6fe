// How an application reaches the proxy, as environment variables: what a copier, ours or the user's own program,
// needs to know of TLS and SASL. `accessEnvironment` and `accessFromEnvironment` are each other's inverse; the Java
// copier reads the same names.
import { readFileSync } from 'node:fs'
import {
  type BrokerAccess,
  type SaslCredentials,
  type SaslMechanism,
  saslMechanisms,
} from '../../proxy/flow/access.ts'

export interface ClientAccess {
  tls?: {
    /** PEM; absent: what the client trusts by itself. */
    caFile: string | undefined
  }
  sasl?: SaslCredentials
}

export function accessEnvironment(access: ClientAccess | undefined): Record<string, string> {
  if (access === undefined) return {}
  const { tls, sasl } = access
  const protocol = `${sasl === undefined ? '' : 'SASL_'}${tls === undefined ? 'PLAINTEXT' : 'SSL'}`
  return {
    KAFKA_SECURITY_PROTOCOL: protocol,
    ...(tls?.caFile === undefined ? {} : { KAFKA_SSL_CA_FILE: tls.caFile }),
    ...(sasl === undefined ? {} : { KAFKA_SASL_MECHANISM: sasl.mechanism.toUpperCase() }),
    ...(sasl === undefined ? {} : secretsOf(sasl)),
  }
}

function secretsOf(sasl: SaslCredentials): Record<string, string> {
  if (sasl.mechanism !== 'oauthbearer') {
    return { KAFKA_SASL_USERNAME: sasl.username, KAFKA_SASL_PASSWORD: sasl.password }
  }
  return 'file' in sasl.token
    ? { KAFKA_SASL_TOKEN_FILE: sasl.token.file }
    : { KAFKA_SASL_TOKEN: sasl.token.text }
}

function isMechanism(word: string): word is SaslMechanism {
  return (saslMechanisms as readonly string[]).includes(word)
}

export function accessFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): BrokerAccess | undefined {
  const protocol = environment.KAFKA_SECURITY_PROTOCOL
  if (protocol === undefined) return undefined
  const caFile = environment.KAFKA_SSL_CA_FILE
  const mechanism = (environment.KAFKA_SASL_MECHANISM ?? '').toLowerCase()
  return {
    ...(protocol.endsWith('SSL')
      ? {
          tls: {
            ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
            checksName: true,
          },
        }
      : {}),
    ...(isMechanism(mechanism) ? { sasl: credentialsFrom(mechanism, environment) } : {}),
  }
}

function credentialsFrom(
  mechanism: SaslMechanism,
  environment: Readonly<Record<string, string | undefined>>,
): SaslCredentials {
  if (mechanism !== 'oauthbearer') {
    const { KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_PASSWORD: password = '' } = environment
    return { mechanism, username, password }
  }
  const file = environment.KAFKA_SASL_TOKEN_FILE
  const token = file === undefined ? { text: environment.KAFKA_SASL_TOKEN ?? '' } : { file }
  return { mechanism, token }
}
