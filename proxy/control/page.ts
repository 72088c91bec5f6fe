// The live page at `/`: one file with everything in it, made by the build from dashboard/. It may fetch from here and
// from nowhere else, and run only the script that it was built with.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { RestError } from './problem.ts'

/** Hashes of what stands between these tags, as a Content-Security-Policy names them. */
function hashesOf(html: string, tag: 'script' | 'style'): string {
  const contents = html.matchAll(new RegExp(`<${tag}\\b[^>]*>([\\s\\S]*?)</${tag}>`, 'g'))
  const hashes = [...contents].map(
    ([, content]) =>
      `'sha256-${createHash('sha256')
        .update(content ?? '')
        .digest('base64')}'`,
  )
  return hashes.length === 0 ? "'none'" : hashes.join(' ')
}

export function policyFor(html: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashesOf(html, 'script')}`,
    `style-src ${hashesOf(html, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

export function addPage(app: FastifyInstance, file: string | undefined): void {
  let page: Promise<{ html: string; policy: string }> | undefined

  async function built(): Promise<{ html: string; policy: string }> {
    try {
      if (file === undefined) throw new Error('no file is named')
      page ??= readFile(file, 'utf8').then((html) => ({ html, policy: policyFor(html) }))
      return await page
    } catch {
      // It may be built while we run.
      page = undefined
      const remedy = 'Run `npm run build`; REST works without it.'
      throw new RestError('not-found', 'the live page is not built', remedy)
    }
  }

  app.get('/', { schema: { hide: true } }, async (_request, reply) => {
    const { html, policy } = await built()
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', policy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-cache')
      .send(html)
  })
}
