import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openSaslDialogue } from '../../../proxy/flow/sasl.ts'

const text = (bytes: Buffer | undefined) => bytes?.toString('utf8')

describe('SASL dialogues', () => {
  it('PLAIN says name and password at once', async () => {
    const dialogue = openSaslDialogue({ mechanism: 'plain', username: 'ann', password: 'p w' })
    expect(text(await dialogue.first())).toBe('\0ann\0p w')
    expect(await dialogue.next(Buffer.alloc(0))).toBeUndefined()
  })

  it('SCRAM-SHA-256 speaks the dialogue of RFC 7677', async () => {
    const dialogue = openSaslDialogue(
      { mechanism: 'scram-sha-256', username: 'user', password: 'pencil' },
      'rOprNGfwEbeRWgbNEkqO',
    )
    expect(dialogue.mechanism).toBe('SCRAM-SHA-256')
    expect(text(await dialogue.first())).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
    const said = await dialogue.next(Buffer.from(`r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`))
    expect(text(said)).toBe(`c=biws,r=${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`)
    const proof = Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
    expect(await dialogue.next(proof)).toBeUndefined()
  })

  it('a server that does not know the password is not believed', async () => {
    const dialogue = openSaslDialogue(
      { mechanism: 'scram-sha-512', username: 'user', password: 'pencil' },
      'abc',
    )
    await dialogue.first()
    await dialogue.next(Buffer.from('r=abcdef,s=c2FsdA==,i=4096'))
    await expect(dialogue.next(Buffer.from('v=AAAA'))).rejects.toThrow('could not prove')
  })

  it('SCRAM-SHA-512 proves what a server computes for itself', async () => {
    const dialogue = openSaslDialogue(
      { mechanism: 'scram-sha-512', username: 'a=b,c', password: 'pencil' },
      'abc',
    )
    const bare = text(await dialogue.first())?.slice(3)
    expect(bare).toBe('n=a=3Db=2Cc,r=abc')
    const challenge = 'r=abcdef,s=c2FsdA==,i=5000'
    const said = text(await dialogue.next(Buffer.from(challenge))) ?? ''
    const [, proof = ''] = said.split(',p=')
    const hmac = (key: Buffer, message: string) =>
      createHmac('sha512', key).update(message).digest()
    const salted = pbkdf2Sync('pencil', 'salt', 5_000, 64, 'sha512')
    const stored = createHash('sha512').update(hmac(salted, 'Client Key')).digest()
    const signature = hmac(stored, `${bare},${challenge},c=biws,r=abcdef`)
    const clientKey = Buffer.from(
      Buffer.from(proof, 'base64').map((byte, at) => byte ^ (signature[at] ?? 0)),
    )
    expect(createHash('sha512').update(clientKey).digest()).toEqual(stored)
  })

  it.each([
    ['a nonce of somebody else', 'r=xyz1,s=c2FsdA==,i=4096'],
    ['our own nonce and nothing added', 'r=abc,s=c2FsdA==,i=4096'],
    ['few iterations', 'r=abcdef,s=c2FsdA==,i=1'],
    ['endless iterations', 'r=abcdef,s=c2FsdA==,i=2000000000'],
    ['no numbers', 'e=unknown-user'],
  ])('a challenge with %s is refused', async (_, challenge) => {
    const dialogue = openSaslDialogue(
      { mechanism: 'scram-sha-256', username: 'user', password: 'pencil' },
      'abc',
    )
    await dialogue.first()
    await expect(dialogue.next(Buffer.from(challenge))).rejects.toThrow()
  })

  it('OAUTHBEARER reads its token file at every authentication', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'token-'))
    try {
      const file = join(folder, 'token')
      const open = () => openSaslDialogue({ mechanism: 'oauthbearer', token: { file } })
      await writeFile(file, 'first\n')
      expect(text(await open().first())).toBe('n,,\x01auth=Bearer first\x01\x01')
      await writeFile(file, 'second\n')
      expect(text(await open().first())).toBe('n,,\x01auth=Bearer second\x01\x01')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
