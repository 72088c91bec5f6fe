// Waits for what has no event, longer than other tests do: these come with a load that takes all of a machine.
const limitMs = 180_000
const lookEveryMs = 100

export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not in time: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}
