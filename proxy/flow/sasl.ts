// The client's half of a SASL dialogue: PLAIN (RFC 4616), SCRAM (RFC 5802, RFC 7677) and OAUTHBEARER (RFC 7628).
// Bytes in, bytes out; who carries them to a broker is broker-client.ts.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { SaslCredentials } from './access.ts'

const derive = promisify(pbkdf2)
const nonceBytes = 24
/** Kafka's own least; a server that asks for less would make the password cheap to guess. */
const iterationsMin = 4_096
/** Kafka's own most: beyond it a server only wants to keep us busy. */
const iterationsMax = 1_000_000

export interface SaslDialogue {
  /** As the broker knows the mechanism. */
  mechanism: string
  /** What is said first. */
  first(): Promise<Buffer>
  /** What is said next; undefined when all is said. Throws when the server cannot be who it should be. */
  next(challenge: Buffer): Promise<Buffer | undefined>
}

export function openSaslDialogue(
  credentials: SaslCredentials,
  nonce: string = randomBytes(nonceBytes).toString('base64'),
): SaslDialogue {
  switch (credentials.mechanism) {
    case 'plain': {
      const { username, password } = credentials
      return single('PLAIN', async () => `\0${username}\0${password}`)
    }
    case 'scram-sha-256':
    case 'scram-sha-512':
      return scram(credentials, nonce)
    case 'oauthbearer': {
      const { token } = credentials
      return single('OAUTHBEARER', async () => {
        const text = 'text' in token ? token.text : await readFile(token.file, 'utf8')
        return `n,,\x01auth=Bearer ${text.trim()}\x01\x01`
      })
    }
  }
}

function single(mechanism: string, say: () => Promise<string>): SaslDialogue {
  return {
    mechanism,
    first: async () => Buffer.from(await say()),
    next: async () => undefined,
  }
}

/** `=` and `,` have a meaning of their own in SCRAM's messages. */
const escaped = (name: string) => name.replaceAll('=', '=3D').replaceAll(',', '=2C')

function attributes(text: string): Map<string, string> {
  return new Map(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
}

function scram(
  {
    mechanism,
    username,
    password,
  }: Extract<SaslCredentials, { mechanism: 'scram-sha-256' | 'scram-sha-512' | 'plain' }>,
  nonce: string,
): SaslDialogue {
  const hash = mechanism === 'scram-sha-512' ? 'sha512' : 'sha256'
  const hashBytes = hash === 'sha512' ? 64 : 32
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const bare = `n=${escaped(username)},r=${nonce}`
  let serverSignature: Buffer | undefined

  async function proof(challenge: string): Promise<string> {
    const said = attributes(challenge)
    const [r = '', s = '', i = ''] = ['r', 's', 'i'].map((name) => said.get(name) ?? '')
    const iterations = Number(i)
    if (!r.startsWith(nonce) || r === nonce || s === '') {
      throw new Error('the server’s SCRAM challenge is not for us')
    }
    if (!(iterations >= iterationsMin && iterations <= iterationsMax)) {
      throw new Error(`the server asks for ${i} SCRAM iterations`)
    }
    const salted = await derive(
      password.normalize('NFKC'),
      Buffer.from(s, 'base64'),
      iterations,
      hashBytes,
      hash,
    )
    const withoutProof = `c=${Buffer.from('n,,').toString('base64')},r=${r}`
    const signed = `${bare},${challenge},${withoutProof}`
    const clientKey = hmac(salted, 'Client Key')
    const storedKey = createHash(hash).update(clientKey).digest()
    const signature = hmac(storedKey, signed)
    const proven = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))
    serverSignature = hmac(hmac(salted, 'Server Key'), signed)
    return `${withoutProof},p=${proven.toString('base64')}`
  }

  return {
    mechanism: mechanism.toUpperCase(),
    first: async () => Buffer.from(`n,,${bare}`),
    async next(challenge) {
      const text = challenge.toString('utf8')
      if (serverSignature === undefined) return Buffer.from(await proof(text))
      const said = attributes(text)
      const given = Buffer.from(said.get('v') ?? '', 'base64')
      if (given.length !== serverSignature.length || !timingSafeEqual(given, serverSignature)) {
        throw new Error(`the server could not prove that it knows the password`)
      }
      return undefined
    },
  }
}
