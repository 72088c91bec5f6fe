// Checks of requests against the schemas of their routes. Parameters arrive as text and may be turned into numbers;
// bodies must be what they say. Faults and plans are checked by the reader of plans instead, which says it better.
import { Ajv } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'

const forBodies = new Ajv({ allErrors: true, strict: false })
const forParameters = new Ajv({ allErrors: true, strict: false, coerceTypes: true })

const checkedByPlanReader = /^\/v1\/(faults|plans)(\/|$)/

export const requestValidator: FastifySchemaCompiler<object> = ({ schema, httpPart, url }) => {
  if (httpPart === 'body') {
    if (url !== undefined && checkedByPlanReader.test(url)) return () => true
    return forBodies.compile(schema)
  }
  return forParameters.compile(schema)
}
