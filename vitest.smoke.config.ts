import { defineConfig } from 'vitest/config'

// The smoke tag of the library on real brokers: with every change, beside `npm test`.
export default defineConfig({
  test: { include: ['test/smoke/**/*.test.ts'], retry: 0 },
})
