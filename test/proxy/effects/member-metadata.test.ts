// The format is the consumers' own; kafkajs reads and writes it, so it is the judge here.
import kafkajs from 'kafkajs'
import { expect, it } from 'vitest'
import {
  assignmentOfNothing,
  subscriptionLike,
  topicsOf,
} from '../../../proxy/effects/member-metadata.ts'

const { AssignerProtocol } = kafkajs
const { MemberMetadata, MemberAssignment } = AssignerProtocol
const topics = ['orders', 'größen', 'a']

it('reads the topics of what another client has written, whatever stands behind them', () => {
  const theirs = MemberMetadata.encode({ version: 1, topics, userData: Buffer.from('theirs') })
  expect(topicsOf(theirs)).toEqual(topics)
  expect(topicsOf(Buffer.concat([theirs, Buffer.from([0, 0, 0, 0])]))).toEqual(topics)
})

it('writes a subscription to the same topics that another client can read', () => {
  const theirs = MemberMetadata.encode({ version: 3, topics, userData: Buffer.from('theirs') })
  expect(MemberMetadata.decode(subscriptionLike(theirs))).toMatchObject({ version: 0, topics })
})

it('writes an assignment of nothing that another client can read', () => {
  expect(MemberAssignment.decode(assignmentOfNothing())).toMatchObject({
    version: 0,
    assignment: {},
  })
})
