// Which transactions a copier aborts on purpose.

/** Asked once per transaction, in order; the ordinal counts from 1. */
export function abortChoice(options: {
  share: number
  transactions: readonly number[]
  random: () => number
}): (ordinal: number) => boolean {
  const { share, transactions, random } = options
  return (ordinal) => {
    // The stream moves on at every transaction, so that the list does not shift the share's choices.
    const drawn = share > 0 && random() < share
    return drawn || transactions.includes(ordinal)
  }
}
