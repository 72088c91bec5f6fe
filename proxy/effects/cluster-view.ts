// What the proxy can ask the cluster by itself, as the target user would: who leads, who coordinates, who is
// the controller, who is in a group. Every question goes to a live broker with our own client.

import type { BrokerSelector } from '../faults/selectors.ts'
import type { TopicAliases } from '../faults/trigger.ts'
import type { Brokers } from '../flow/brokers.ts'
import type { TopicNames } from '../flow/topic-names.ts'
import type { Message } from '../protocol/codec.ts'

const metadataKey = 3
const groupKeyType = 0
const transactionKeyType = 1
/** The member epoch that says goodbye for good. */
const leavingEpoch = -1

export interface GroupMember {
  memberId: string
  /** How its group is led: by JoinGroup, or by heartbeats alone (KIP-848). */
  protocol: 'classic' | 'consumer'
  clientId: string
  groupInstanceId: string | null
}

export interface ClusterView {
  /** Node that coordinates a transactional id or group now; undefined while nobody does. */
  coordinatorOf(what: { transactionalId: string } | { group: string }): Promise<number | undefined>
  leaderOf(topic: string, partition: number): Promise<number | undefined>
  controller(): Promise<number | undefined>
  members(group: string): Promise<GroupMember[]>
  /** Leaves the group in a member's name; the broker's error code. */
  evict(group: string, member: GroupMember): Promise<number>
  refresh(): Promise<void>
  /** Asks for the brokers alone. Gives those that are no longer named. */
  refreshBrokers(): Promise<number[]>
  /** The partitions that `TOPIC` or `TOPIC-PARTITION` means; none when there is no such topic. */
  partitionsNamed(text: string): Promise<{ topic: string; partition: number }[]>
  /** The nodes that a selector means now. */
  resolve(selector: BrokerSelector): Promise<number[]>
}

function memberOf(
  member: Message,
  staticId: Message[string] | undefined,
): Omit<GroupMember, 'protocol'> {
  return {
    memberId: member.memberId as string,
    clientId: member.clientId as string,
    groupInstanceId: (staticId as string | null | undefined) ?? null,
  }
}

export function createClusterView(
  brokers: Brokers,
  topics: TopicNames,
  aliases: TopicAliases,
): ClusterView {
  function noteBrokers(reply: Message): number[] {
    const named = reply.brokers as Message[]
    for (const broker of named) {
      const address = { host: broker.host as string, port: broker.port as number }
      brokers.note(broker.nodeId as number, address)
    }
    return brokers.noteAll(new Set(named.map(({ nodeId }) => nodeId as number)))
  }

  async function refresh(): Promise<void> {
    const reply = await brokers.askAny((client) => client.request('Metadata', { topics: null }))
    topics.learn(metadataKey, reply)
    noteBrokers(reply)
  }

  async function refreshBrokers(): Promise<number[]> {
    const reply = await brokers.askAny((client) => client.request('Metadata', { topics: [] }))
    return noteBrokers(reply)
  }

  async function coordinatorOf(
    what: { transactionalId: string } | { group: string },
  ): Promise<number | undefined> {
    const isGroup = 'group' in what
    const key = isGroup ? what.group : what.transactionalId
    const keyType = isGroup ? groupKeyType : transactionKeyType
    const reply = await brokers.askAny((client) =>
      client.request('FindCoordinator', { keyType, coordinatorKeys: [key] }, 4),
    )
    const [found] = reply.coordinators as Message[]
    return found === undefined || found.errorCode !== 0 ? undefined : (found.nodeId as number)
  }

  async function leaderOf(topic: string, partition: number): Promise<number | undefined> {
    await refresh()
    return topics.leaderOf(topic, partition)
  }

  async function controller(): Promise<number | undefined> {
    const reply = await brokers.askAny((client) =>
      client.request('DescribeQuorum', {
        topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }],
      }),
    )
    const [topic] = reply.topics as Message[]
    const [partition] = (topic?.partitions ?? []) as Message[]
    return partition?.leaderId as number | undefined
  }

  async function atCoordinator(group: string) {
    const node = await coordinatorOf({ group })
    if (node === undefined) throw new Error(`group ${group} has no coordinator now`)
    return brokers.client(node)
  }

  async function partitionsNamed(text: string): Promise<{ topic: string; partition: number }[]> {
    await refresh()
    const whole = aliases[text] ?? text
    const known = topics.partitionsOf(whole)
    if (known.length > 0) return known.map((partition) => ({ topic: whole, partition }))
    const dash = text.lastIndexOf('-')
    const topic = aliases[text.slice(0, dash)] ?? text.slice(0, dash)
    const partition = Number(text.slice(dash + 1))
    return topics.leaderOf(topic, partition) === undefined ? [] : [{ topic, partition }]
  }

  const exactly = (node: number | undefined): number[] => (node === undefined ? [] : [node])

  async function resolve(selector: BrokerSelector): Promise<number[]> {
    if (typeof selector === 'number') return [selector]
    if (selector === 'all') return brokers.nodes()
    if (selector === 'controller') return exactly(await controller())
    if (typeof selector === 'string') throw new Error(`selector ${selector} was not checked`)
    if ('leader-of' in selector) {
      const named = await partitionsNamed(selector['leader-of'])
      const leaders = named.map(({ topic, partition }) => topics.leaderOf(topic, partition))
      return [...new Set(leaders.filter((node) => node !== undefined))]
    }
    if ('coordinator-of' in selector) {
      const text = selector['coordinator-of']
      const group = /^group (.+)$/.exec(text)?.[1]
      return exactly(
        await coordinatorOf(group === undefined ? { transactionalId: text } : { group }),
      )
    }
    const excluded = new Set(await resolve(selector.not))
    return brokers.nodes().filter((node) => !excluded.has(node))
  }

  return {
    coordinatorOf,
    leaderOf,
    controller,
    async members(group) {
      const client = await atCoordinator(group)
      // A group of the newer protocol is asked for in its own way first: the older question calls it dead.
      const newer = client.versions.has('ConsumerGroupDescribe')
        ? await client.request('ConsumerGroupDescribe', { groupIds: [group] })
        : undefined
      const [consumer] = (newer?.groups ?? []) as Message[]
      if (consumer?.errorCode === 0) {
        return ((consumer.members ?? []) as Message[]).map((member) => ({
          ...memberOf(member, member.instanceId),
          protocol: 'consumer' as const,
        }))
      }
      const reply = await client.request('DescribeGroups', { groups: [group] })
      const [described] = reply.groups as Message[]
      return ((described?.members ?? []) as Message[]).map((member) => ({
        ...memberOf(member, member.groupInstanceId),
        protocol: 'classic' as const,
      }))
    },
    async evict(group, member) {
      const client = await atCoordinator(group)
      if (member.protocol === 'consumer') {
        const reply = await client.request('ConsumerGroupHeartbeat', {
          groupId: group,
          memberId: member.memberId,
          instanceId: member.groupInstanceId,
          memberEpoch: leavingEpoch,
        })
        return reply.errorCode as number
      }
      const reply = await client.request('LeaveGroup', {
        groupId: group,
        members: [{ memberId: member.memberId, groupInstanceId: member.groupInstanceId }],
      })
      const [left] = reply.members as Message[]
      return (reply.errorCode as number) || ((left?.errorCode as number | undefined) ?? 0)
    },
    refresh,
    refreshBrokers,
    partitionsNamed,
    resolve,
  }
}
