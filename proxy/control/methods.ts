// Which methods a path knows: so that a wrong method is told from a wrong path, with the right ones in `Allow`.

export interface Methods {
  note(route: { url: string; method: string | readonly string[] }): void
  /** Empty where no route fits. */
  at(path: string): string[]
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** `/v1/faults/:name` as a pattern for paths. */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part === '*') return '.*'
    return part.startsWith(':') ? '[^/]+' : escaped(part)
  })
  return new RegExp(`^${parts.join('/')}$`)
}

export function createMethods(): Methods {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>()
  return {
    note({ url, method }) {
      const route = routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
      for (const one of typeof method === 'string' ? [method] : method) route.methods.add(one)
      routes.set(url, route)
    },
    at(path) {
      const fitting = [...routes].filter(([, { pattern }]) => pattern.test(path))
      // What is written out goes before what any name fits.
      const open = ([url]: (typeof fitting)[number]) => url.split(/[:*]/).length
      const least = Math.min(...fitting.map(open))
      const own = fitting.filter((route) => open(route) === least)
      return [...new Set(own.flatMap(([, { methods }]) => [...methods]))].sort()
    },
  }
}
