// TLS and SASL of an embedded cluster: certificates and users that live as long as it does. Its brokers talk plainly
// among each other, on this machine only; what comes to their client listeners does not.
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import type { BrokerAccess, KeyPair } from '../../proxy/flow/access.ts'
import { checkAnswer, connectBroker } from '../../proxy/flow/broker-client.ts'
import { createAuthority } from '../../proxy/flow/certificates.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import type { Settings } from './broker-settings.ts'
import type { Address } from './cluster.ts'

const host = '127.0.0.1'
const username = 'gauntlet'
const passwordBytes = 18
const saltBytes = 16
const iterations = 4_096
const answerLimitMs = 10_000
/** As the protocol numbers them. */
const scramMechanisms = [
  { number: 1, hash: 'sha256', bytes: 32 },
  { number: 2, hash: 'sha512', bytes: 64 },
] as const

export interface EmbeddedSecurity {
  /** Of our own connections: TLS and SCRAM-SHA-512. */
  access: BrokerAccess
  /** Who has signed the brokers' certificates, as PEM. */
  ca: string
  brokers: KeyPair
  user: { username: string; password: string }
}

/** Certificates and a user, made before anything starts. */
export async function prepareSecurity(nowMs: number): Promise<EmbeddedSecurity> {
  const authority = await createAuthority(nowMs)
  const user = { username, password: randomBytes(passwordBytes).toString('base64url') }
  return {
    access: {
      tls: { ca: authority.certificate, checksName: true },
      sasl: { mechanism: 'scram-sha-512', ...user },
    },
    ca: authority.certificate,
    brokers: await authority.forHosts([host, 'localhost']),
    user,
  }
}

const modules = 'org.apache.kafka.common.security'

/** What the client listener of every broker is told. */
export function clientListenerSettings({ ca, brokers, user }: EmbeddedSecurity): Settings {
  const listener = 'listener.name.client'
  const pem = (text: string) => text.trim().replaceAll('\n', ' ').replaceAll('\r', '')
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`${listener}.plain.sasl.jaas.config`]: `${modules}.plain.PlainLoginModule required user_${user.username}="${user.password}";`,
    [`${listener}.scram-sha-256.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    // Tokens without a signature, which Kafka allows for trials: whoever can reach this machine's loopback may come in.
    [`${listener}.oauthbearer.sasl.jaas.config`]: `${modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="${user.username}";`,
    [`${listener}.ssl.keystore.type`]: 'PEM',
    [`${listener}.ssl.keystore.certificate.chain`]: pem(brokers.certificate),
    [`${listener}.ssl.keystore.key`]: pem(brokers.key),
    [`${listener}.ssl.truststore.type`]: 'PEM',
    [`${listener}.ssl.truststore.certificates`]: pem(ca),
  }
}

/** Tells the cluster of the user for SCRAM, through a listener that asks for nothing. */
export async function createUsers(
  plainListener: Address,
  security: EmbeddedSecurity,
): Promise<void> {
  const client = await connectBroker(plainListener, {
    clientId: 'gauntlet-admin',
    timeoutMs: answerLimitMs,
  })
  try {
    const { user } = security
    // One after the other: a request may name a user once only.
    for (const { number, hash, bytes } of scramMechanisms) {
      const salt = randomBytes(saltBytes)
      const answer = await client.request('AlterUserScramCredentials', {
        deletions: [],
        upsertions: [
          {
            name: user.username,
            mechanism: number,
            iterations,
            salt,
            saltedPassword: pbkdf2Sync(user.password, salt, iterations, bytes, hash),
          },
        ],
      })
      for (const result of answer.results as Message[]) {
        checkAnswer('AlterUserScramCredentials', result)
      }
    }
  } finally {
    client.close()
  }
}
