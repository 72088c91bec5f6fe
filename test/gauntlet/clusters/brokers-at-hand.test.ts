import { describe, expect, it } from 'vitest'
import { type AtHand, clusterAtHand } from '../../../gauntlet/clusters/brokers-at-hand.ts'
import { OperatorError } from '../../../proxy/errors.ts'
import type { ClusterPlan } from '../../../proxy/plans/plan.ts'

const embedded: Extract<ClusterPlan, { kind: 'embedded' }> = {
  kind: 'embedded',
  version: '4.1.1',
  brokers: 2,
  features: { 'transaction.version': 1 },
  config: { 'num.io.threads': 2 },
  isSecured: false,
}
const there = async () => undefined
const noJava = async () => {
  throw new OperatorError('missing-prerequisite', 'there is no Java', 'Install a JDK.')
}
const noDocker = async () => {
  throw new OperatorError('missing-prerequisite', 'no container engine answers', 'Start Docker.')
}

async function chosen(wanted: ClusterPlan, atHand: AtHand) {
  const said: string[] = []
  return { cluster: await clusterAtHand(wanted, (text) => said.push(text), atHand), said }
}

describe('the brokers at hand', () => {
  it('are embedded ones where there is Java, and nothing is said', async () => {
    const { cluster, said } = await chosen(embedded, { findJava: there, findDocker: there })
    expect(cluster).toBe(embedded)
    expect(said).toEqual([])
  })

  it('are the same in containers where there is Docker and no Java, with one line about it', async () => {
    const { cluster, said } = await chosen(embedded, { findJava: noJava, findDocker: there })
    expect(cluster).toEqual({
      kind: 'docker',
      image: 'apache/kafka:4.1.1',
      brokers: 2,
      features: { 'transaction.version': 1 },
      config: { 'num.io.threads': 2 },
    })
    expect(said).toEqual(['no Java here, so the brokers run in containers (apache/kafka:4.1.1)'])
  })

  it('are missed with both ways to get them where there is neither', async () => {
    await expect(
      chosen(embedded, { findJava: noJava, findDocker: noDocker }),
    ).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: 'there is no Java',
      remedy: 'Install a JDK. Containers would do as well, but no container engine answers.',
    })
  })

  it('cannot be containers where they are to be secured, and are not looked for where others run them', async () => {
    const secured = { ...embedded, isSecured: true }
    await expect(chosen(secured, { findJava: noJava, findDocker: there })).rejects.toThrow(
      'no Java',
    )
    const external: ClusterPlan = { kind: 'external', bootstrap: ['kafka:9092'] }
    const { cluster } = await chosen(external, { findJava: noJava, findDocker: noDocker })
    expect(cluster).toBe(external)
  })
})
