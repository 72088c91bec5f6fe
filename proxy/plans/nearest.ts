// The nearest right word for a wrong one. Used wherever somebody types names: plans, flags, commands.

/** Words further away than this share of their length are no help. */
const farthestShare = 0.45

/** Edits between two words: insert, delete, replace, and swap of neighbours (optimal string alignment). */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[to.length] ?? 0
}

/** Case and word separators are not what people get wrong: END_TXN means EndTxn. */
const plain = (word: string) => word.toLowerCase().replace(/[_\-. ]/g, '')

/** The closest of the allowed words, or nothing when none is close enough to be meant. */
export function nearestWord(given: string, allowed: readonly string[]): string | undefined {
  const wanted = plain(given)
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const word of allowed) {
    const distance = editDistance(wanted, plain(word))
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
  }
  const length = Math.max(wanted.length, best?.length ?? 0)
  return bestDistance <= Math.max(1, Math.floor(length * farthestShare)) ? best : undefined
}
