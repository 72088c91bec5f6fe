import { describe, expect, it } from 'vitest'
import { createTopicNames } from '../../../proxy/flow/topic-names.ts'

const metadata = 3

describe('the names of a topic-partition', () => {
  const topics = createTopicNames()
  topics.learn(metadata, {
    topics: [
      { name: 'pay-ments', topicId: 'id-of-payments', partitions: [] },
      { name: 'orders', topicId: 'id-of-orders', partitions: [] },
    ],
  })

  it('are its own and those by id, behind the alias of a plan too', () => {
    const names = ['pay-ments-3', 'id-of-payments-3']
    expect(topics.placeNames('pay-ments-3', {})).toEqual(names)
    expect(topics.placeNames('output-3', { output: 'pay-ments' })).toEqual(names)
  })

  it('are one while no id is known', () => {
    expect(topics.placeNames('other-0', {})).toEqual(['other-0'])
  })
})
