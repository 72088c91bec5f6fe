// The routes that show what the proxy knows: groups, clients, policies, brokers, links, connections, and what faults
// may reach. Transactions have a file of their own.
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Reach } from '../faults/reach.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import * as answers from './answers.ts'
import { list, noContent, withProblems } from './answers.ts'
import { RestError } from './problem.ts'

export function addState(
  app: FastifyInstance,
  { engine, reach }: { engine: RemoteEngine; reach: Reach },
): void {
  app.get(
    '/v1/groups',
    {
      schema: {
        tags: ['state'],
        operationId: 'listGroups',
        summary: 'Every consumer group seen, with its members',
        response: withProblems({ 200: list(answers.Group, 'groups') }),
      },
    },
    async () => ({ groups: await engine.groups() }),
  )
  app.get(
    '/v1/clients',
    {
      schema: {
        tags: ['state'],
        operationId: 'listClients',
        summary: 'Every client seen: what it does, with which library, and what is wrong with that',
        response: withProblems({ 200: list(answers.Client, 'clients') }),
      },
    },
    async () => ({ clients: await engine.posture() }),
  )
  app.get(
    '/v1/policies',
    {
      schema: {
        tags: ['state'],
        operationId: 'listPolicies',
        summary: 'What clients must keep to, and who does not',
        response: withProblems({ 200: list(answers.Policy, 'policies') }),
      },
    },
    async () => ({ policies: await engine.policies() }),
  )
  app.get(
    '/v1/brokers',
    {
      schema: {
        tags: ['state'],
        operationId: 'listBrokers',
        summary: 'Brokers known, and how many of the connections to them are hurt now',
        response: withProblems({ 200: list(answers.Broker, 'brokers') }),
      },
    },
    async () => ({ brokers: await engine.brokers() }),
  )
  app.get(
    '/v1/links',
    {
      schema: {
        tags: ['state'],
        operationId: 'listLinks',
        summary: 'Where the proxy listens, for whom, and which broker each port leads to',
        response: withProblems({ 200: list(answers.Link, 'links') }),
      },
    },
    async () => ({ links: await engine.doors() }),
  )
  app.get(
    '/v1/reach',
    {
      schema: {
        tags: ['state'],
        operationId: 'getReach',
        summary: 'What faults may hurt here: planes behind the proxy, and processes of brokers',
        response: withProblems({ 200: answers.Reach }),
      },
    },
    async () => reach,
  )
  app.get(
    '/v1/connections',
    {
      schema: {
        tags: ['state'],
        operationId: 'listConnections',
        summary: 'Open connections',
        response: withProblems({ 200: list(answers.Connection, 'connections') }),
      },
    },
    async () => ({ connections: await engine.connections() }),
  )
  app.delete<{ Params: { id: number } }>(
    '/v1/connections/:id',
    {
      schema: {
        tags: ['state'],
        operationId: 'closeConnection',
        summary: 'Close one connection with a reset',
        params: Type.Object({
          id: Type.Integer({
            minimum: 1,
            maximum: Number.MAX_SAFE_INTEGER,
            description: 'As GET /v1/connections lists it',
          }),
        }),
        response: withProblems({ 204: noContent }, 'wrong-body', 'not-found'),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (!(await engine.cutConnection(id))) {
        const remedy = 'GET /v1/connections lists those that are open.'
        throw new RestError('not-found', `there is no connection ${id}`, remedy)
      }
      return reply.code(204).send()
    },
  )
}
